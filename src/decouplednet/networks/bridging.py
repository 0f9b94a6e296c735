"""The bridging layers: from what is where and which class, to what of that class is where."""

from torch import Tensor, nn

from decouplednet.networks.classification import Traced
from decouplednet.networks.convolution import convolve_together, pool5_of_maps
from decouplednet.networks.initialisation import Initialise
from decouplednet.networks.part import Part
from decouplednet.networks.saliency import tag_weights
from decouplednet.networks.taps import Convolution, TransposedConvolution

_SALIENCY_EPSILON = 1e-12
USUAL_MOMENTUM = 0.1  # PyTorch's, of running statistics


class Bridge(nn.Module):
    """Build the activation map g of the classes asked for from pool5 and f_cls.

    Args:
        channels: C, the channels of pool5, of f_cls and of g.
        middle: channels of the two inner layers.
        kernel: k, the side of the outer kernels in pool5 positions; they are not padded.
        initialise: how the weights start.

    Source: PAPER.md, three parts, 2, and facts of the original release, bridging.
    """

    def __init__(self, *, channels: int, middle: int, kernel: int, initialise: Initialise) -> None:
        super().__init__()
        self.pool5_norm, self.saliency_norm = input_norms(channels)
        self.layers = nn.Sequential(
            Convolution(2 * channels, middle, kernel),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, middle, kernel_size=1),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            TransposedConvolution(middle, channels, kernel),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        initialise(self)

    def forward(self, pool5: Tensor, saliency: Tensor, image_index: Tensor | None = None) -> Tensor:
        """Return g, (M, C, h, w) at least 0.

        Args:
            pool5: (B, C, h, w) activations of images; h and w are at least k.
            saliency: (M, C, h, w), f_cls of each map.
            image_index: (M,) int64, the image of each map, below B; None: each has its one map.
        """
        first, *rest = self.layers
        normed = self.pool5_norm(pool5), self.saliency_norm(saliency)
        g = convolve_together(first, *normed, image_index)
        for layer in rest:
            g = layer(g)
        return g

    def seed(self, probability: Tensor, asked: Tensor) -> Tensor:
        """Return the weight of each class in f_cls, as in the paper; see ``Bridging``."""
        return tag_weights(probability, asked)

    def activation(
        self,
        traced: Traced,
        image_index: Tensor,
        seed: Tensor,
        saliency: Tensor,
        present: Tensor | None = None,
    ) -> Tensor:
        """Return g of each map; see ``Bridging``."""
        del seed, present
        pool5, index = pool5_of_maps(traced.encoded.pool5, image_index, training=self.training)
        g: Tensor = self(pool5, saliency, index)
        return g


def follow_encoder(bridge: Part) -> None:
    """Let the running statistics of a bridge's inputs follow an encoder that learns.

    Args:
        bridge: its batch normalisations that average over all batches (see ``input_norms``) take a
            moving average from now on.
    """
    for norm in bridge.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.momentum is None:
            norm.momentum = USUAL_MOMENTUM


def input_norms(channels: int) -> tuple[nn.BatchNorm2d, nn.BatchNorm2d]:
    """Return the batch normalisations of pool5 and of f_cls.

    Args:
        channels: C, of either.

    Differs: the epsilon of f_cls's batch normalisation is 1e-12. Gradients with respect to pool5
        have variances of the order of the usual 1e-5 and below, which would swallow them.
    Differs: the running statistics of both inputs are averages over all training batches. Both come
        from a network that stands still, and a moving average would take over a hundred updates to
        forget that it started at a variance of 1.
    """
    return (
        nn.BatchNorm2d(channels, momentum=None),
        nn.BatchNorm2d(channels, eps=_SALIENCY_EPSILON, momentum=None),
    )
