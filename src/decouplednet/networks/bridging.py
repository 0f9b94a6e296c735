"""The bridging layers: from what is where and which class, to what of that class is where."""

import torch
from torch import Tensor, nn

from decouplednet.networks.initialisation import Initialise

_SALIENCY_EPSILON = 1e-12


class Bridge(nn.Module):
    """Build the activation map g of the classes asked for from pool5 and f_cls.

    Args:
        channels: C, the channels of pool5, of f_cls and of g.
        middle: channels of the two inner layers.
        kernel: k, the side of the outer kernels in pool5 positions; they are not padded.
        initialise: how the weights start.

    Source: PAPER.md, three parts, 2, and facts of the original release, bridging.
    Differs: the epsilon of f_cls's batch normalisation is 1e-12. Gradients with respect to pool5
        have variances of the order of the usual 1e-5 and below, which would swallow them.
    Differs: the running statistics of both inputs are averages over all training batches. Both come
        from a network that stands still, and a moving average would take over a hundred updates to
        forget that it started at a variance of 1.
    """

    def __init__(self, *, channels: int, middle: int, kernel: int, initialise: Initialise) -> None:
        super().__init__()
        self.pool5_norm = nn.BatchNorm2d(channels, momentum=None)
        self.saliency_norm = nn.BatchNorm2d(channels, eps=_SALIENCY_EPSILON, momentum=None)
        self.layers = bridging_layers(2 * channels, channels=channels, middle=middle, kernel=kernel)
        initialise(self)

    def forward(self, pool5: Tensor, saliency: Tensor) -> Tensor:
        """Return g, (M, C, h, w) at least 0.

        Args:
            pool5: (M, C, h, w) activations of the image of each map; h and w are at least k.
            saliency: (M, C, h, w), f_cls of each map.
        """
        normed = [self.pool5_norm(pool5), self.saliency_norm(saliency)]
        g: Tensor = self.layers(torch.cat(normed, dim=1))
        return g


def bridging_layers(inputs: int, *, channels: int, middle: int, kernel: int) -> nn.Sequential:
    """Return the layers from normalised inputs to a map in the shape of pool5, at least 0.

    Args:
        inputs: channels that come in.
        channels: C, that go out.
        middle: of the two inner layers.
        kernel: side of the outer kernels in pool5 positions; they are not padded.

    Source: PAPER.md, facts of the original release, bridging.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, middle, kernel),
        nn.BatchNorm2d(middle),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, middle, kernel_size=1),
        nn.BatchNorm2d(middle),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(middle, channels, kernel),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
