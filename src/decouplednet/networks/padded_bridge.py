"""Bridging layers for a decoder with skips: two padded convolutions, and class evidence."""

import torch
from torch import Tensor, nn

from decouplednet.networks.bridging import input_norms
from decouplednet.networks.classification import Traced
from decouplednet.networks.convolution import (
    convolve_together,
    normalised_convolution,
    pool5_of_maps,
)
from decouplednet.networks.evidence import EVIDENCE_MAPS, class_evidence
from decouplednet.networks.image_index import of_maps
from decouplednet.networks.initialisation import Initialise


class PaddedBridge(nn.Module):
    """Build the activation map g from pool5, f_cls and, if wished, class evidence.

    Args:
        channels: C, the channels of pool5 and of f_cls.
        widths: channels of the two 3 x 3 convolutions; the second's are those of g.
        evidence: whether the classes that are not asked for are shown too, see
            ``class_evidence``.
        initialise: how the weights start.

    Differs: the paper's bridge keeps the channels of pool5, because its decoder's switches are
        pool5's, and knows nothing of other classes.
    """

    def __init__(
        self, *, channels: int, widths: tuple[int, int], evidence: bool, initialise: Initialise
    ) -> None:
        super().__init__()
        self.evidence = evidence
        self.pool5_norm, self.saliency_norm = input_norms(channels)
        inputs = 2 * channels + (EVIDENCE_MAPS if evidence else 0)
        self.layers = nn.Sequential(
            normalised_convolution(inputs, widths[0], 3),
            normalised_convolution(widths[0], widths[1], 3),
        )
        initialise(self)

    def forward(
        self,
        pool5: Tensor,
        saliency: Tensor,
        evidence: Tensor | None = None,
        image_index: Tensor | None = None,
    ) -> Tensor:
        """Return g, (M, G, h, w) at least 0.

        Args:
            pool5: (B, C, h, w) activations of images.
            saliency: (M, C, h, w), f_cls of each map.
            evidence: (M, 2, h, w) of each map, for a bridge with it.
            image_index: (M,) int64, the image of each map, below B; None: each has its one map.
        """
        own = self.saliency_norm(saliency)
        if evidence is not None:
            own = torch.cat([own, evidence], dim=1)
        first, *rest = (layer for block in self.layers for layer in block.children())
        g = convolve_together(first, self.pool5_norm(pool5), own, image_index)
        for layer in rest:
            g = layer(g)
        return g

    def seed(self, probability: Tensor, asked: Tensor) -> Tensor:
        """Return 1 for each class asked for; see ``Bridging``.

        Differs: the paper weighs a class by its probability, which makes f_cls of a class that is
        there, and hard to tell, look like that of no class.
        """
        return asked.to(probability.dtype)

    def activation(
        self,
        traced: Traced,
        image_index: Tensor,
        seed: Tensor,
        saliency: Tensor,
        present: Tensor | None = None,
    ) -> Tensor:
        """Return g of each map; see ``Bridging``."""
        pool5, index = pool5_of_maps(traced.encoded.pool5, image_index, training=self.training)
        g: Tensor = self(pool5, saliency, self._evidence(traced, image_index, seed, present), index)
        return g

    def _evidence(
        self, traced: Traced, image_index: Tensor, seed: Tensor, present: Tensor | None
    ) -> Tensor | None:
        if not self.evidence:
            return None
        (score_map,) = of_maps(image_index, traced.head.score_map)
        height, width = traced.encoded.pool5.shape[2:]
        return class_evidence(seed > 0, score_map, (height, width), present)
