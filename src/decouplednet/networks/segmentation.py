"""The segmentation network: a deconvolution network, the mirror of VGG-16."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

import torch
from torch import Tensor, nn

from decouplednet.networks.folding import Group, Kept, folded_layers, in_turn, may_fold
from decouplednet.networks.image_index import of_maps
from decouplednet.networks.initialisation import Initialise
from decouplednet.networks.precision import working_type
from decouplednet.networks.quantisation import byte_layers, in_bytes
from decouplednet.networks.ranges import RangedInput, RangedReLU
from decouplednet.networks.vgg import CONVOLUTIONS, Encoded, Widths


class DeconvolutionNetwork(nn.Module):
    """Unpool five times and tell foreground from background; one set of weights for all classes.

    Args:
        widths: channels of the encoder's five groups, pool1's first; mirrored here.
        initialise: how the weights start.

    Source: PAPER.md, facts of the original release, segmentation network.
    """

    def __init__(self, widths: Widths, initialise: Initialise) -> None:
        super().__init__()
        self.groups = nn.ModuleList(nn.Sequential(*layers) for layers in _groups(widths))
        self.entry = RangedInput()
        self._folded: Kept[Sequence[Group]] = Kept()
        self._in_bytes: Kept[Sequence[Group]] = Kept()
        self.score = nn.Conv2d(widths[0], 2, kernel_size=1)
        initialise(self)

    def forward(self, g: Tensor, switches: tuple[Tensor, ...]) -> Tensor:
        """Return the (M, 2, 32 h, 32 w) scores before the softmax, background first.

        Args:
            g: (M, C, h, w) activation maps.
            switches: five int64 tensors, pool1's first, of the image of each map.
        """
        enter, *groups = self._to_apply(g.device)
        x = in_turn(enter, g)
        for group, switch in zip(groups, reversed(switches), strict=True):
            x = unpool(x, switch)
            x = in_turn(group, x)
        score: Tensor = self.score(x)
        return score

    def _to_apply(self, device: torch.device) -> Sequence[Group]:
        """Return what is done with g, and the layers of each group.

        For prediction the normalisations are folded in; or all is in bytes, see ``eight_bits``.
        """
        groups = [*self._sequences()]
        if not may_fold(self):
            return [[self.entry], *([*group] for group in groups)]
        byte_groups = in_bytes(self, self._in_bytes, lambda: self._quantised(groups))
        if byte_groups:
            return byte_groups
        dtype = working_type(device, self.score.weight.dtype)
        tensors = self.groups.state_dict().values()
        return self._folded.get(
            tensors, lambda: [[], *(folded_layers(group, dtype) for group in groups)], dtype
        )

    def _quantised(self, groups: Sequence[nn.Sequential]) -> Sequence[Group]:
        """Return the same in bytes from g to the last ReLU; none where a range is not known."""
        layers = byte_layers([*chain.from_iterable(groups)], self.entry.largest)
        if layers is None:
            return []
        rest = iter(layers)
        counts = (1, *reversed(CONVOLUTIONS))  # bytes are made of g before it is unpooled
        return [[*islice(rest, count)] for count in counts]

    def _sequences(self) -> Iterator[nn.Sequential]:
        for group in self.groups:
            if isinstance(group, nn.Sequential):
                yield group

    def decode(self, g: Tensor, encoded: Encoded, image_index: Tensor) -> Tensor:
        """Return the scores of each map; see ``Decoder``."""
        score: Tensor = self(g, of_maps(image_index, *encoded.switches))
        return score

    def decode_in_turn(
        self, g: Tensor, encoded: Encoded, image_index: Tensor, few: int
    ) -> Iterator[Tensor]:
        """Yield the scores of a few maps after the other; see ``Decoder``."""
        parts = zip(torch.split(g, few), torch.split(image_index, few), strict=True)
        for part, index in parts:
            yield self.decode(part, encoded, index)


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
                RangedReLU(inplace=True),
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
    plane = values.new_zeros(maps, 4 * height * width, channels).scatter_(1, places, values)
    return plane.view(maps, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
