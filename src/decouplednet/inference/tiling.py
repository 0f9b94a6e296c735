"""Tiles that cover a large image, and how what is seen in them becomes one."""

from dataclasses import dataclass, field
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray

from decouplednet.classes import BACKGROUND, ClassList
from decouplednet.inference.fuse import fuse_class_maps
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.strips import strips

OVERLAP = 4  # tiles overlap by a part of their side, one in so many


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Where a tile lies along one side of an image.

    Args:
        pixels: of the image, consecutive.
        weights: (n,) float32 above 0, how much the tile counts at each of them; those of all tiles
            at a pixel sum to 1.
    """

    pixels: range
    weights: NDArray[np.float32]

    @property
    def part(self) -> slice:
        """The same pixels, as a slice."""
        return slice(self.pixels.start, self.pixels.stop)


def stretches(length: int, tile: int) -> list[Stretch]:
    """Return where tiles lie along one side of an image, evenly, from its first pixel to its last.

    Neighbours overlap by at least a quarter of a tile, rounded down. In its outer quarter a tile
    counts the less the nearer its end is, unless the image ends there too.

    Args:
        length: of the side, in pixels.
        tile: side of a tile, in pixels, at least ``OVERLAP``.

    >>> [stretch.pixels for stretch in stretches(100, 40)]
    [range(0, 40), range(30, 70), range(60, 100)]
    """
    side, overlap = min(tile, length), tile // OVERLAP
    starts = np.linspace(0, length - side, tiles_along(length, tile)).round().astype(int).tolist()
    places = [range(start, start + side) for start in starts]
    ramps = [_ramp(pixels, length, overlap) for pixels in places]
    total = np.zeros(length)
    for pixels, ramp in zip(places, ramps, strict=True):
        total[pixels.start : pixels.stop] += ramp
    return [
        Stretch(pixels, (ramp / total[pixels.start : pixels.stop]).astype(np.float32))
        for pixels, ramp in zip(places, ramps, strict=True)
    ]


def tiles_along(length: int, tile: int) -> int:
    """Return how many tiles lie along one side of an image.

    >>> tiles_along(100, 40), tiles_along(30, 40)
    (3, 1)
    """
    return 1 + ceil(max(0, length - tile) / (tile - tile // OVERLAP))


def _ramp(pixels: range, length: int, overlap: int) -> NDArray[np.float64]:
    """Return how far each pixel is from an end that another tile goes beyond, up to the overlap."""
    place = np.arange(len(pixels)) + 0.5
    before = place if pixels.start else np.full(len(pixels), np.inf)
    after = place[::-1] if pixels.stop < length else np.full(len(pixels), np.inf)
    distance: NDArray[np.float64] = np.minimum(np.minimum(before, after), overlap)
    return distance


@dataclass(slots=True, eq=False)
class Blend:
    """The label map and the maps of an image while its rows of tiles come in, from the top.

    Beside the label map, and the maps if they are kept, it holds 4 bytes for each pixel of a row
    of tiles and each class found in it.

    Args:
        size: (H, W) of the image.
        classes: of the model.
        keep: whether the maps are kept.
    """

    size: tuple[int, int]
    classes: ClassList
    keep: bool
    scores: dict[str, float] = field(default_factory=dict)
    label_map: NDArray[np.uint8] = field(init=False)
    top: int = 0  # the first row that is not finished
    # Of each class found, the sum of its weighted maps, from that row on.
    sums: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    maps: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    identified: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin with background."""
        self.label_map = np.zeros(self.size, np.uint8)

    def add(self, prediction: Prediction, down: Stretch, across: Stretch) -> None:
        """Lay a tile down whose first row is the first that is not finished."""
        self.identified.update(prediction.identified)
        for name, score in prediction.scores.items():
            self.scores[name] = max(score, self.scores.get(name, 0.0))
        weights = down.weights[:, None] * across.weights
        for name, class_map in prediction.class_maps.items():
            if name not in self.sums:
                self.sums[name] = np.zeros((len(down.pixels), self.size[1]), np.float32)
            self.sums[name][:, across.part] += weights * class_map

    def finish(self, end: int) -> None:
        """Read the rows before ``end``, which no further tile reaches."""
        names = [name for name in self.classes if name in self.sums]
        index_of = np.array([BACKGROUND, *map(self.classes.index, names)], np.uint8)
        rows = end - self.top
        for strip in strips((rows, self.size[1])) if names else ():
            part, place = slice(strip.start, strip.stop), self.top + strip.start
            maps = np.stack([self.sums[name][part] for name in names])
            maps.clip(0, 1, out=maps)
            foreground = torch.from_numpy(maps)
            winner = fuse_class_maps(1 - foreground.sum(dim=0), foreground).numpy()
            self.label_map[place : place + len(strip)] = index_of[winner]
            self._keep(names, maps, place)
        for name in names:  # what the next row of tiles reaches too moves up
            sums = self.sums[name]
            sums[: len(sums) - rows] = sums[rows:]
            sums[len(sums) - rows :] = 0
            if not sums.any():
                del self.sums[name]
        self.top = end

    def _keep(self, names: list[str], maps: NDArray[np.float32], first: int) -> None:
        for name, of_class in zip(names, maps, strict=True) if self.keep else ():
            if name not in self.maps:
                self.maps[name] = np.zeros(self.size, np.float32)
            self.maps[name][first : first + len(of_class)] = of_class

    def prediction(self) -> Prediction:
        """Return what the finished rows say."""
        identified = tuple(name for name in self.classes if name in self.identified)
        return Prediction(
            label_map=self.label_map,
            class_maps={name: self.maps[name] for name in identified} if self.keep else {},
            scores=self.scores,
            identified=identified,
        )
