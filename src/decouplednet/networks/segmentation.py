"""The segmentation network: a deconvolution network, the mirror of VGG-16."""

from collections.abc import Iterator

from torch import Tensor, nn

from decouplednet.networks.initialisation import Initialise
from decouplednet.networks.vgg import CONVOLUTIONS, Widths


class DeconvolutionNetwork(nn.Module):
    """Unpool five times and tell foreground from background; one set of weights for all classes.

    Args:
        widths: channels of the encoder's five groups, pool1's first; mirrored here.
        initialise: how the weights start.
        outputs: O, scores of each pixel; the paper's are background and foreground.

    Source: PAPER.md, facts of the original release, segmentation network.
    """

    def __init__(self, widths: Widths, initialise: Initialise, outputs: int = 2) -> None:
        super().__init__()
        self.groups = nn.ModuleList(nn.Sequential(*layers) for layers in _groups(widths))
        self.score = nn.Conv2d(widths[0], outputs, kernel_size=1)
        initialise(self)

    def forward(self, g: Tensor, switches: tuple[Tensor, ...]) -> Tensor:
        """Return the (M, O, 32 h, 32 w) scores before the softmax, background first.

        Args:
            g: (M, C, h, w) activation maps.
            switches: five int64 tensors, pool1's first, of the image of each map.
        """
        x = g
        for group, switch in zip(self.groups, reversed(switches), strict=True):
            x = group(unpool(x, switch))
        score: Tensor = self.score(x)
        return score


def _groups(widths: Widths) -> Iterator[list[nn.Module]]:
    """Yield the layers after unpool5, unpool4, ... unpool1; a group's last layer narrows."""
    narrower = (widths[0], *widths[:-1])
    for width, narrow, count in zip(
        reversed(widths), reversed(narrower), reversed(CONVOLUTIONS), strict=True
    ):
        layers: list[nn.Module] = []
        for out in [width] * (count - 1) + [narrow]:
            layers += [
                nn.ConvTranspose2d(width, out, kernel_size=3, padding=1),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
            ]
        yield layers


def unpool(x: Tensor, switches: Tensor) -> Tensor:
    """Put each value back where its 2 x 2 maximum came from, and zero elsewhere.

    ``max_unpool2d`` for windows that do not overlap, kept in channels-last memory, in which torch's
    own takes four times as long on the CPU.

    Args:
        x: (M, C, h, w).
        switches: (M, C, h, w) int64, flat positions in the plane of 2 h x 2 w.

    Returns:
        (M, C, 2 h, 2 w), channels last.
    """
    maps, channels, height, width = x.shape
    values = x.permute(0, 2, 3, 1).reshape(maps, height * width, channels)
    places = switches.permute(0, 2, 3, 1).reshape(maps, height * width, channels)
    plane = values.new_zeros(maps, 4 * height * width, channels).scatter(1, places, values)
    return plane.view(maps, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
