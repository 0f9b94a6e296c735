"""Large images in tiles: each is predicted as an image of its own, and their maps are blended."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from decouplednet.classes import BACKGROUND, ClassList
from decouplednet.errors import SettingsError
from decouplednet.inference.batches import batched
from decouplednet.inference.fuse import fuse_class_maps
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.reading import Image, Tags, given_classes, size_of

Progress = Callable[[Sequence["tuple[Stretch, int]"]], Iterable["tuple[Stretch, int]"]]

LEAST_TILE = 32
"""Fewer pixels show a network nothing."""
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

    Neighbours overlap by a quarter of a tile at least. There the weight of each falls linearly
    towards its own end, so that no seam is seen.

    Args:
        length: of the side, in pixels.
        tile: side of a tile, in pixels, at least ``LEAST_TILE``.

    >>> [stretch.pixels for stretch in stretches(100, 40)]
    [range(0, 40), range(30, 70), range(60, 100)]
    """
    side, overlap = min(tile, length), tile // OVERLAP
    further = ceil((length - side) / (tile - overlap))
    starts = np.linspace(0, length - side, 1 + further).round().astype(int).tolist()
    places = [range(start, start + side) for start in starts]
    ramps = [_ramp(pixels, length, overlap) for pixels in places]
    total = np.zeros(length)
    for pixels, ramp in zip(places, ramps, strict=True):
        total[pixels.start : pixels.stop] += ramp
    return [
        Stretch(pixels, (ramp / total[pixels.start : pixels.stop]).astype(np.float32))
        for pixels, ramp in zip(places, ramps, strict=True)
    ]


def _ramp(pixels: range, length: int, overlap: int) -> NDArray[np.float64]:
    """Return how far each pixel is from an end that another tile goes beyond, up to the overlap."""
    place = np.arange(len(pixels)) + 0.5
    before = place if pixels.start else np.full(len(pixels), np.inf)
    after = place[::-1] if pixels.stop < length else np.full(len(pixels), np.inf)
    distance: NDArray[np.float64] = np.minimum(np.minimum(before, after), overlap)
    return distance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TiledPredictor:
    """Predict images that are larger than a tile by tiles, the others as a whole.

    Classes are looked for in each tile by itself. Memory holds the maps of one row of tiles, 4
    bytes a pixel for each class found in it, however high the image is.

    Args:
        predictor: sees each tile as it sees an image.
        tile: side of a tile, in pixels of the image.
        progress: shows how many rows of tiles of an image are done.

    Raises:
        SettingsError: the tile is too small.
    """

    predictor: Predictor
    tile: int
    progress: Progress = iter

    def __post_init__(self) -> None:
        """Refuse a tile in which nothing can be seen."""
        if self.tile < LEAST_TILE:
            raise SettingsError(f"tile = {self.tile}: expected at least {LEAST_TILE} pixels")

    @property
    def classes(self) -> ClassList:
        """The L classes, in the order of the scores."""
        return self.predictor.classes

    @property
    def others(self) -> Literal["ignore", "background"]:
        """What pixels of classes that are not the model's were in training."""
        return self.predictor.others

    def predict(
        self,
        images: Sequence[Image],
        tags: Sequence[Tags] | None = None,
        *,
        class_maps: bool = True,
    ) -> list[Prediction]:
        """Return what is in each image and where, at its own size.

        The score of a class is its highest over the tiles.

        Args:
            images: as for ``Predictor``.
            tags: as for ``Predictor``. In a tile those of them are looked for that the network
                finds there; one that it finds in no tile, where it is most probable.
            class_maps: also return the map of each identified class, which takes 4 bytes for each
                pixel of the image.

        Raises:
            DataError: an image is no RGB array, or a tag is no class of the model.
            ModelError: the network's output is not finite.
        """
        given = given_classes(images, tags, self.classes)
        told = list(tags or [None] * len(images))
        whole = [place for place, image in enumerate(images) if not self._is_large(image)]
        predictions = self.predictor.predict(
            [images[place] for place in whole],
            [told[place] for place in whole],
            class_maps=class_maps,
        )
        found = dict(zip(whole, predictions, strict=True))
        return [
            found.get(place) or self._in_tiles(image, given[place], keep=class_maps)
            for place, image in enumerate(images)
        ]

    def _is_large(self, image: Image) -> bool:
        return image.ndim == 3 and max(size_of(image)) > self.tile

    def _in_tiles(self, image: Image, given: Sequence[int] | None, *, keep: bool) -> Prediction:
        """Return the prediction of one image from its tiles, row by row."""
        size = size_of(image)
        down, across = (stretches(length, self.tile) for length in size)
        tags = None if given is None else iter(self._tags(image, down, across, given))
        blend = _Blend(size, self.classes, keep)
        ends = [*(one.pixels.start for one in down[1:]), size[0]]
        for one, end in self.progress([*zip(down, ends, strict=True)]):
            told = [next(tags) for _ in across] if tags else None
            for other, prediction in zip(across, self._row(image, one, across, told), strict=True):
                blend.add(prediction, one, other)
            blend.finish(end - one.pixels.start)
        return blend.prediction()

    def _row(
        self,
        image: Image,
        down: Stretch,
        across: Sequence[Stretch],
        tags: Sequence[Tags] | None,
    ) -> Iterator[Prediction]:
        """Yield the predictions of a row of tiles, with the maps of their classes."""
        pairs = zip(across, tags or [None] * len(across), strict=True)
        for batch in batched(pairs, weigh=lambda _: self.tile**2):
            tiles = [image[down.part, other.part] for other, _ in batch]
            yield from self.predictor.predict(tiles, [told for _, told in batch])

    def _tags(
        self,
        image: Image,
        down: Sequence[Stretch],
        across: Sequence[Stretch],
        given: Sequence[int],
    ) -> list[set[str]]:
        """Return the classes that each tile is told, of those that the image is known to have.

        Args:
            image: (H, W, 3).
            down: the rows of tiles.
            across: the tiles of a row.
            given: places of classes, from 0.
        """
        tiles = (image[one.part, other.part] for one in down for other in across)
        scores = [self.predictor.scores(batch) for batch in batched(tiles, weigh=np.size)]
        procedure = self.predictor.procedure
        probability = procedure.probability(torch.cat(scores))
        told = procedure.identified(probability, self.predictor.threshold)
        for place in given:
            if not told[:, place].any():
                told[probability[:, place].argmax(), place] = True
        return [
            {self.classes.names[place] for place in given if of_tile[place]} for of_tile in told
        ]


@dataclass(slots=True)
class _Blend:
    """What is known of an image while its rows of tiles come in, from the top.

    Args:
        size: (H, W) of the image.
        classes: of the model.
        keep: whether the maps are kept.
    """

    size: tuple[int, int]
    classes: ClassList
    keep: bool
    scores: dict[str, float] = field(default_factory=dict)
    identified: set[str] = field(default_factory=set)
    # Of each class found, the sum of its maps from the first row on that is not finished.
    sums: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    winners: list[NDArray[np.uint8]] = field(default_factory=list)
    maps: list[dict[str, NDArray[np.float32]]] = field(default_factory=list)

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

    def finish(self, rows: int) -> None:
        """Read so many rows, which no further tile reaches."""
        names = [name for name in self.classes if name in self.sums]
        done = [self.sums[name][:rows].clip(0, 1) for name in names]
        maps = np.stack(done) if done else np.zeros((0, rows, self.size[1]), np.float32)
        background = 1 - torch.from_numpy(maps).sum(dim=0)
        winner = fuse_class_maps(background, torch.from_numpy(maps)).numpy()
        index_of = np.array([BACKGROUND, *map(self.classes.index, names)], np.uint8)
        self.winners.append(index_of[winner])
        if self.keep:
            self.maps.append(dict(zip(names, done, strict=True)))
        for name in names:  # what the next row of tiles reaches too moves up
            sums = self.sums.pop(name)
            if sums[rows:].any():
                self.sums[name] = np.zeros_like(sums)
                self.sums[name][: len(sums) - rows] = sums[rows:]

    def prediction(self) -> Prediction:
        """Return what the finished rows say."""
        identified = tuple(name for name in self.classes if name in self.identified)
        kept = identified if self.keep else ()
        return Prediction(
            label_map=np.concatenate(self.winners),
            class_maps={name: self._map(name) for name in kept},
            scores=self.scores,
            identified=identified,
        )

    def _map(self, name: str) -> NDArray[np.float32]:
        parts = zip(self.maps, self.winners, strict=True)
        return np.concatenate(
            [maps.get(name, np.zeros(winner.shape, np.float32)) for maps, winner in parts]
        )
