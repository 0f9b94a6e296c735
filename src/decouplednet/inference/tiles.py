"""Large images in tiles: each is predicted as an image of its own, and their maps are blended."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import index
from typing import Literal

import torch

from decouplednet.classes import ClassList
from decouplednet.dataset.frame import check_pixels
from decouplednet.errors import SettingsError
from decouplednet.inference.batches import batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.reading import Image, Tags, given_classes, size_of
from decouplednet.inference.tiling import Blend, Stretch, stretches

LEAST_TILE = 32
"""Fewer pixels show a network nothing."""
MOST_PIXELS = 10**9
"""Of an image that is read to be seen in tiles: 3 GB of colours."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TiledPredictor:
    """Predict images whose longer side is larger than a tile by tiles, the others as a whole.

    Classes are looked for in each tile by itself. See ``Blend`` for the memory.

    Args:
        predictor: sees each tile as it sees an image.
        tile: side of a tile, in pixels of the image.
        progress: shows how many rows of tiles of an image are done; twice where its tags are given.

    Raises:
        SettingsError: the tile is no whole number, or too small.
    """

    predictor: Predictor
    tile: int
    progress: Callable[[Sequence[int]], Iterable[int]] = iter

    def __post_init__(self) -> None:
        """Refuse a tile in which nothing can be seen."""
        try:
            tile = index(self.tile)
        except TypeError:
            tile = 0
        if tile < LEAST_TILE:
            raise SettingsError(
                f"tile = {self.tile!r}: expected a whole number of pixels, at least {LEAST_TILE}"
            )
        object.__setattr__(self, "tile", tile)  # a small integer type of numpy would overflow

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
        for image in images:
            check_pixels(image)
        known = list(tags or [None] * len(images))
        whole = [place for place, image in enumerate(images) if max(size_of(image)) <= self.tile]
        predictions = self.predictor.predict(
            [images[place] for place in whole],
            [known[place] for place in whole],
            class_maps=class_maps,
        )
        found = dict(zip(whole, predictions, strict=True))
        return [
            found.get(place) or self._in_tiles(image, given[place], keep=class_maps)
            for place, image in enumerate(images)
        ]

    def _in_tiles(self, image: Image, given: Sequence[int] | None, *, keep: bool) -> Prediction:
        """Return the prediction of one image from its tiles, row by row."""
        size = size_of(image)
        down, across = (stretches(length, self.tile) for length in size)
        tags = None if given is None else self._tags(image, down, across, given)
        blend = Blend(size, self.classes, keep)
        for row in self.progress(range(len(down))):
            told = [None] * len(across) if tags is None else tags[row]
            predictions = self._row(image, down[row], across, told)
            for place, prediction in zip(across, predictions, strict=True):
                blend.add(prediction, down[row], place)
            blend.finish(down[row + 1].pixels.start if row + 1 < len(down) else size[0])
        return blend.prediction()

    def _row(
        self, image: Image, down: Stretch, across: Sequence[Stretch], tags: Sequence[Tags]
    ) -> Iterator[Prediction]:
        """Yield the predictions of a row of tiles, with the maps of their classes."""
        tiles = [image[down.part, place.part] for place in across]
        for batch in batched(zip(tiles, tags, strict=True), weigh=lambda pair: _pixels(pair[0])):
            yield from self.predictor.predict([tile for tile, _ in batch], [of for _, of in batch])

    def _tags(
        self,
        image: Image,
        down: Sequence[Stretch],
        across: Sequence[Stretch],
        given: Sequence[int],
    ) -> list[list[set[str]]]:
        """Return the classes that each tile is told, row by row.

        Args:
            image: (H, W, 3).
            down: the rows of tiles.
            across: the tiles of a row.
            given: places of the classes that the image is known to have, from 0.
        """
        if not given:
            return [[set() for _ in across] for _ in down]
        probability = torch.cat(
            [self._probability(image, down[row], across) for row in self.progress(range(len(down)))]
        )
        procedure, threshold = self.predictor.procedure, self.predictor.threshold
        looked_for = procedure.identified(probability, threshold)
        for place in given:
            if not looked_for[:, place].any():
                looked_for[probability[:, place].argmax(), place] = True
        names = self.classes.names
        of_tiles = (
            {names[place] for place in given if of_tile[place]} for of_tile in looked_for.tolist()
        )
        return [*batched(of_tiles, len(across))]

    def _probability(self, image: Image, down: Stretch, across: Sequence[Stretch]) -> torch.Tensor:
        """Return the (T, L) probabilities of the T tiles of a row."""
        tiles = [image[down.part, place.part] for place in across]
        scores = [self.predictor.scores(batch) for batch in batched(tiles, weigh=_pixels)]
        return self.predictor.procedure.probability(torch.cat(scores)).cpu()


def _pixels(image: Image) -> int:
    height, width = size_of(image)
    return height * width
