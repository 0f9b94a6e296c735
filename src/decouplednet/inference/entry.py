"""How the images of a folder come into memory: one by one, and no more than fit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.images import image_size, read_image
from decouplednet.errors import DataError
from decouplednet.inference.room import Room, TiledImage
from decouplednet.inference.sources import Source

Read = tuple[Source, NDArray[np.uint8]]
"""A source with its image, (H, W, 3)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How images are read.

    Args:
        given: image name to the classes that are known.
        room: refuses those that do not fit; None: none.
        keeps: whether the maps of all classes are kept of the whole image.
    """

    given: Mapping[str, frozenset[str]]
    room: Room | None
    keeps: bool = False

    def read(self, source: Source) -> Read:
        """Return an image.

        Raises:
            DataError: it cannot be read, or does not fit.
        """
        if self.room is not None:
            self.room.check(source.image, self._measured(source, self.room))
        return source, read_image(source.image)

    def read_each(self, sources: Iterable[Source]) -> Iterator[Read | DataError]:
        """Yield each image, or what is wrong with it."""
        for source in sources:
            try:
                yield self.read(source)
            except DataError as fault:
                yield fault

    def together(self, source: Source) -> str:
        """Return what is the same for neighbours that may be in memory together."""
        if self.room is None:
            return ""
        try:
            scarce = self.room.is_scarce(self._measured(source, self.room))
        except DataError:  # whoever reads it is told
            return ""
        return source.listed if scarce else ""

    def _measured(self, source: Source, room: Room) -> TiledImage:
        tags = self.given.get(source.name)
        known = None if tags is None else len(tags)
        kept = (room.classes if known is None else known) if self.keeps else 0
        return TiledImage(image_size(source.image), known, kept=kept)


def pixels_read(read: Read | DataError) -> int:
    """Return how many pixels were read; a fault has none."""
    return 0 if isinstance(read, DataError) else read[1].shape[0] * read[1].shape[1]
