"""The three parts put together: see an image once, then segment any classes of it."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from decouplednet.networks.at_once import at_once
from decouplednet.networks.classification import Classifier, Traced
from decouplednet.networks.part import Part
from decouplednet.networks.saliency import class_saliency
from decouplednet.networks.vgg import Encoded


class Bridging(Part, Protocol):
    """A module that builds the activation map of the classes asked for."""

    def seed(self, probability: Tensor, asked: Tensor) -> Tensor:
        """Return the weight of each class in f_cls, (B, L), above 0 where it is asked for.

        Args:
            probability: (B, L) in [0, 1].
            asked: (B, L) bool.
        """

    def activation(
        self,
        traced: Traced,
        image_index: Tensor,
        seed: Tensor,
        saliency: Tensor,
        present: Tensor | None = None,
    ) -> Tensor:
        """Return g of each map, (M, G, h, w) and at least 0.

        Args:
            traced: what the classifier made of B images.
            image_index: (M,) int64, the image of each map, below B.
            seed: (M, L) weight of each class in each map, above 0 where it is asked for.
            saliency: (M, C, h, w), f_cls of each map.
            present: (M, L) bool, the classes that may be on the image of each map; None: all.
        """


class Decoder(Part, Protocol):
    """A module that turns activation maps into scores per pixel."""

    def decode(self, g: Tensor, encoded: Encoded, image_index: Tensor) -> Tensor:
        """Return the (M, 2, H, W) scores before the softmax, background first.

        Args:
            g: (M, G, h, w) activation maps.
            encoded: of B images, with the switches or skips that the decoder uses.
            image_index: (M,) int64, the image of each map, below B.
        """

    def decode_in_turn(
        self, g: Tensor, encoded: Encoded, image_index: Tensor, few: int
    ) -> Iterator[Tensor]:
        """Yield what ``decode`` returns, of ``few`` maps after the other.

        What is the same for all maps of an image is computed once all the same.

        Args:
            g: as for ``decode``.
            encoded: likewise.
            image_index: likewise.
            few: maps that are decoded together, at least 1.
        """


class DecoupledNet(nn.Module):
    """Segment the classes asked for from everything else.

    ``see`` runs once per image; ``activation`` and ``decode`` run once per map, of which one image
    may have several: M maps of B images, told apart by ``image_index``.

    Args:
        classifier: finds the classes; trained by itself, never through this module.
        bridge: builds the activation map of the classes asked for.
        decoder: turns activation maps into scores per pixel.
    """

    def __init__(self, classifier: Classifier, bridge: Bridging, decoder: Decoder) -> None:
        super().__init__()
        self.classifier = classifier
        self.bridge = bridge
        self.decoder = decoder

    def see(self, image: Tensor) -> Traced:
        """Return what the classifier makes of (B, 3, H, W) images, without gradient.

        Raises:
            RuntimeError: the classifier is in training mode, where dropout would blur f_cls and
                batch statistics would drift; ``freeze`` it first.
        """
        if self.classifier.training:
            raise RuntimeError("the classifier is in training mode; call freeze(classifier) first")
        with torch.no_grad():
            return self.classifier.trace(image)

    def activation(
        self,
        traced: Traced,
        image_index: Tensor,
        seed: Tensor,
        present: Tensor | None = None,
        shown: Tensor | None = None,
    ) -> Tensor:
        """Return the activation map g of the classes asked for.

        Args:
            traced: what ``see`` returned for B images.
            image_index: (M,) int64, the image of each map, below B.
            seed: (M, L) weight of each class in each map, as from the bridge's ``seed``.
            present: (M, L) bool, the classes that may be on the image of each map; None: all.
            shown: (M, L) bool, the classes whose f_cls is shown to the bridge; that of the others
                is withheld, and a bridge that sees class evidence has that alone. None: all.

        Returns:
            (M, G, H / stride, W / stride), at least 0; the stride is that of the encoder, 32 for
            VGG, and the bridge builds G channels.
        """
        with torch.no_grad():
            weights = self.classifier.head.weights()
            told = seed if shown is None else seed * shown
            saliency = class_saliency(told, image_index, traced.head, weights)
        return self.bridge.activation(traced, image_index, seed, saliency, present)

    def decode(self, g: Tensor, traced: Traced, image_index: Tensor) -> Tensor:
        """Return the (M, 2, H, W) scores before the softmax, background first.

        Args:
            g: (M, G, H / stride, W / stride) activation maps.
            traced: what ``see`` returned for B images.
            image_index: (M,) int64, the image of each map, below B.
        """
        return self.decoder.decode(g, traced.encoded, image_index)

    def softmax(self, g: Tensor, traced: Traced, image_index: Tensor) -> Tensor:
        """Return the (M, 2, H, W) float32 softmax of maps, background first.

        On the CPU only some are decoded together, see ``at_once``.

        Args:
            g: (M, G, H / stride, W / stride) activation maps.
            traced: what ``see`` returned for B images.
            image_index: (M,) int64, the image of each map, below B.
        """
        stride = self.classifier.encoder.stride
        few = at_once(len(g), g.shape[2] * stride, g.shape[3] * stride, g.device)
        scores = self.decoder.decode_in_turn(g, traced.encoded, image_index, few)
        return torch.cat([of_few.float().softmax(dim=1) for of_few in scores])

    def forward(
        self,
        image: Tensor,
        asked: Tensor,
        present: Tensor | None = None,
        shown: Tensor | None = None,
    ) -> Tensor:
        """Return the scores of one map per image, classes weighing what the bridge says.

        Args:
            image: (B, 3, H, W), H and W multiples of the encoder's stride.
            asked: (B, L) bool, the classes that are foreground together.
            present: (B, L) bool, the classes that may be on each image; None: all.
            shown: (B, L) bool, the classes whose f_cls is shown, see ``activation``; None: all.

        Returns:
            (B, 2, H, W) before the softmax, background first.
        """
        traced = self.see(image)
        seed = self.bridge.seed(traced.score.sigmoid(), asked)
        image_index = torch.arange(image.shape[0], device=image.device)
        g = self.activation(traced, image_index, seed, present, shown)
        return self.decode(g, traced, image_index)


def freeze(module: nn.Module) -> None:
    """Stop a module from changing: no gradients, no dropout, no batch statistics.

    A later ``train()`` on a module that holds it brings dropout and statistics back.

    Args:
        module: changed in place.
    """
    module.requires_grad_(False)
    module.eval()
