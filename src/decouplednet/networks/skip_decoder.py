"""A light decoder: the activation map grows by interpolation, and skips bring the borders back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.convolution import normalised_convolution
from decouplednet.networks.folding import Group, Kept, folded_layers, in_turn, may_fold
from decouplednet.networks.image_index import of_maps, with_maps
from decouplednet.networks.initialisation import Initialise
from decouplednet.networks.precision import working_type
from decouplednet.networks.quantisation import byte_layers, in_bytes
from decouplednet.networks.ranges import RangedInput, range_of
from decouplednet.networks.vgg import Encoded


@dataclass(frozen=True, slots=True)
class Level:
    """What the decoder does at the size of one skip.

    Args:
        lateral: channels of the skip after its 1 x 1 convolution.
        width: channels of the 3 x 3 convolutions.
        convolutions: how many of them.
    """

    lateral: int
    width: int
    convolutions: int


LEVELS = (Level(128, 256, 2), Level(128, 128, 2), Level(64, 96, 1), Level(32, 64, 1))
"""For a VGG-16, the deepest skip's first."""


class SkipDecoder(nn.Module):
    """Grow activation maps skip by skip and tell foreground from background.

    Skips are the same for all classes of an image, so their 1 x 1 convolutions are computed once
    an image for all its maps.

    Args:
        channels: of g.
        skip_channels: of each skip, the shallowest first; at most as many as ``levels``.
        stride: image pixels per position of g.
        initialise: how the weights start.
        levels: what is done at each skip, the deepest first.
        grids: for each skip, the deepest first, how many positions of its level lie along one
            position of g; the skip is resized to them. None: each level has the grid of its skip.

    Differs: the paper's decoder puts values back by the switches of the poolings, and convolves
        at the size of the image, which takes several times the operations.
    """

    def __init__(
        self,
        *,
        channels: int,
        skip_channels: Sequence[int],
        stride: int,
        initialise: Initialise,
        levels: Sequence[Level] = LEVELS,
        grids: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if len(skip_channels) > len(levels):
            raise ValueError(f"{len(skip_channels)} skips, but {len(levels)} levels")
        if grids is not None and len(grids) != len(skip_channels):
            raise ValueError(f"{len(skip_channels)} skips, but {len(grids)} grids")
        self.stride = stride
        self.grids = grids
        self.laterals, self.levels = nn.ModuleList(), nn.ModuleList()
        self.skip_entries, self.entries = nn.ModuleList(), nn.ModuleList()
        self._folded: Kept[Sequence[tuple[Group, Group]]] = Kept()
        self._in_bytes: Kept[Sequence[tuple[Group, Group]]] = Kept()
        for skip, level in zip(reversed(skip_channels), levels, strict=False):
            self.laterals.append(normalised_convolution(skip, level.lateral, 1))
            inputs = [channels + level.lateral, *[level.width] * (level.convolutions - 1)]
            layers = [normalised_convolution(count, level.width, 3) for count in inputs]
            self.levels.append(nn.Sequential(*layers))
            self.skip_entries.append(RangedInput())
            self.entries.append(RangedInput())
            channels = level.width
        self.score = nn.Conv2d(channels, 2, kernel_size=1)
        initialise(self)

    def forward(self, g: Tensor, skips: tuple[Tensor, ...], image_index: Tensor) -> Tensor:
        """Return the (M, 2, stride h, stride w) scores before the softmax, background first.

        Args:
            g: (M, G, h, w) activation maps.
            skips: (B, ...) activations of images, the shallowest first, of any sizes.
            image_index: (M,) int64, the image of each map, below B.
        """
        narrowed, place = self._beside(skips, image_index, g.shape[2:])
        return self._grown(g, narrowed, place)

    def decode(self, g: Tensor, encoded: Encoded, image_index: Tensor) -> Tensor:
        """Return the scores of each map; see ``Decoder``."""
        score: Tensor = self(g, encoded.skips, image_index)
        return score

    def decode_in_turn(
        self, g: Tensor, encoded: Encoded, image_index: Tensor, few: int
    ) -> Iterator[Tensor]:
        """Yield the scores of a few maps after the other; see ``Decoder``."""
        narrowed, place = self._beside(encoded.skips, image_index, g.shape[2:])
        for part, index in zip(torch.split(g, few), torch.split(place, few), strict=True):
            yield self._grown(part, narrowed, index)

    def _beside(
        self, skips: tuple[Tensor, ...], image_index: Tensor, size: Sequence[int]
    ) -> tuple[list[Tensor], Tensor]:
        """Return the skips of the images that have maps, the deepest first, after their laterals.

        And the place of each map's image among them, (M,). ``size`` is the (h, w) of the maps.
        """
        images, place = with_maps(image_index, len(skips[0]) if skips else 1)
        narrowed = []
        layers = zip(self._to_apply(image_index.device), reversed(skips), strict=True)
        for number, ((lateral, _), skip) in enumerate(layers):
            (of_images,) = of_maps(images, skip)
            beside = in_turn(lateral, of_images)
            if self.grids is not None:
                grid = self.grids[number]
                beside = _resized(beside, grid * size[0], grid * size[1])
            narrowed.append(beside)
        return narrowed, place

    def _grown(self, g: Tensor, narrowed: Sequence[Tensor], place: Tensor) -> Tensor:
        """Return the scores of maps from what ``_beside`` made of the skips of their images."""
        x = g
        for (_, level), of_images in zip(self._to_apply(g.device), narrowed, strict=True):
            (beside,) = of_maps(place, of_images)
            grown = _resized(x, beside.shape[2], beside.shape[3])
            x = in_turn(level, torch.cat([grown, beside], dim=1))
        return _resized(self.score(x), self.stride * g.shape[2], self.stride * g.shape[3])

    def _to_apply(self, device: torch.device) -> Sequence[tuple[Group, Group]]:
        """Return the layers of each lateral and of its level.

        For prediction with their normalisations folded in, or in 8 bits where that is wanted.
        """
        laterals = [*zip(self.skip_entries, self.laterals, strict=True)]
        levels = [*zip(self.entries, self.levels, strict=True)]
        plain = [*zip(laterals, levels, strict=True)]
        if not may_fold(self):
            return plain
        dtype = working_type(device, self.score.weight.dtype)
        tensors = self.state_dict().values()
        return in_bytes(self, self._in_bytes, lambda: _quantised(plain, dtype)) or self._folded.get(
            tensors, lambda: _folded(plain, dtype), dtype
        )


Entered = tuple[nn.Module, nn.Module]


def _folded(
    parts: Iterable[tuple[Entered, Entered]], dtype: torch.dtype
) -> Sequence[tuple[Group, Group]]:
    return [(_block(lateral[1], dtype), _block(level[1], dtype)) for lateral, level in parts]


def _quantised(
    parts: Iterable[tuple[Entered, Entered]], dtype: torch.dtype
) -> Sequence[tuple[Group, Group]]:
    return [(_in_bytes(*lateral, dtype), _in_bytes(*level, dtype)) for lateral, level in parts]


def _in_bytes(entry: nn.Module, block: nn.Module, dtype: torch.dtype) -> Group:
    """Return the convolutions of a block in 8 bits; folded where a range is not known."""
    return byte_layers(_layers(block), range_of(entry)) or _block(block, dtype)


def _block(block: nn.Module, dtype: torch.dtype) -> Group:
    return folded_layers(_layers(block), dtype)


def _layers(block: nn.Module) -> list[nn.Module]:
    return [one for one in block.modules() if not list(one.children())]


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)
