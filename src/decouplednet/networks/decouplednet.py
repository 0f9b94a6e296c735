"""The three parts put together: see an image once, then segment any classes of it."""

from typing import Protocol

import torch
from torch import Tensor, nn

from decouplednet.networks.classification import Classifier, Traced
from decouplednet.networks.part import Part
from decouplednet.networks.saliency import class_saliency
from decouplednet.networks.vgg import Encoded

PIXELS_AT_ONCE = 320 * 320
"""Of the maps that the CPU decodes together for prediction: one in the paper's frame."""


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

        On the CPU, as many are decoded at once as have ``PIXELS_AT_ONCE`` together: a decoder holds
        several times 64 numbers for each pixel, and more maps at once are no faster there.

        Args:
            g: (M, G, H / stride, W / stride) activation maps.
            traced: what ``see`` returned for B images.
            image_index: (M,) int64, the image of each map, below B.
        """
        pixels = g.shape[2] * g.shape[3] * self.classifier.encoder.stride**2
        few = max(1, PIXELS_AT_ONCE // pixels if g.device.type == "cpu" else len(g))
        parts = zip(torch.split(g, few), torch.split(image_index, few), strict=True)
        return torch.cat(
            [self.decode(part, traced, index).float().softmax(dim=1) for part, index in parts]
        )

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
