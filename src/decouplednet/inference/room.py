"""Whether an image that is seen in tiles fits into the memory that is available."""

from dataclasses import dataclass, replace
from math import ceil

from decouplednet.errors import DataError
from decouplednet.inference.batches import IMAGES_AT_ONCE, PIXELS_AT_ONCE
from decouplednet.inference.memory import available_memory
from decouplednet.inference.strips import PIXELS
from decouplednet.inference.tiles import LEAST_TILE, TiledPredictor
from decouplednet.inference.tiling import tiles_along

_COLOURS, _LABELS = 3, 1
"""Bytes a pixel of an image and of its label map."""
_DECODED = 4
"""Bytes a pixel of a picture that Pillow reads or writes; they may stay with the process."""
_MAP = 4
"""Bytes a pixel of the map of a class."""
_REST = 2**26
"""Bytes of what comes and goes."""


@dataclass(frozen=True, slots=True)
class TiledImage:
    """An image that is to be seen in tiles.

    Args:
        size: (H, W) in pixels.
        classes: that may be found in it; None: all of the model.
        kept: maps that are kept of the whole image.
        held: whether its pixels are in memory already.
    """

    size: tuple[int, int]
    classes: int | None = None
    kept: int = 0
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Tell what images take that are seen in tiles, and refuse those that would take too much.

    What the network takes to see eight tiles, which is the same for all sizes, is not counted.

    Args:
        tile: side of a tile, in pixels of the image.
        classes: L of the model.
        views: in which each tile is seen.
        available: bytes of memory; None: nobody knows, and nothing is refused.
        overlay: whether overlays are written.
    """

    tile: int
    classes: int
    views: int
    available: int | None
    overlay: bool = False

    def needed(self, image: TiledImage) -> int:
        """Return the bytes that an image takes at most, from its file to its results.

        One that is no larger than a tile is not seen in tiles, and counts nothing.
        """
        if max(image.size) <= self.tile:
            return 0
        buffers = (0 if image.held else _DECODED) + (_DECODED + _LABELS if self.overlay else 0)
        seeing = (0 if image.held else _COLOURS) + _LABELS + _MAP * image.kept
        writing = _COLOURS + _LABELS + _COLOURS if self.overlay else 0
        pixels = image.size[0] * image.size[1]
        of_tiles = _bytes_of_tiles(image.size, self.tile, self._found(image), self.views)
        return _REST + pixels * buffers + max(pixels * seeing + of_tiles, pixels * writing)

    def is_scarce(self, image: TiledImage) -> bool:
        """Tell whether three such images at once would not fit."""
        return self.available is not None and 3 * self.needed(image) > self.available

    def check(self, name: object, image: TiledImage) -> None:
        """Refuse an image that takes more memory than is available.

        Args:
            name: of the image, for the message.
            image: is not read for this.

        Raises:
            DataError: it does; the message names the largest tile with which it would not.
        """
        needed = self.needed(image)
        if self.available is None or needed <= self.available:
            return
        height, width = image.size
        raise DataError(
            f"{name}: {width} x {height} pixels in tiles of {self.tile} take up to "
            f"{_gigabytes(needed)} of memory with {_classes(self._found(image))}, and "
            f"{_gigabytes(self.available)} are available; {self._remedy(image)}"
        )

    def _found(self, image: TiledImage) -> int:
        return self.classes if image.classes is None else image.classes

    def _remedy(self, image: TiledImage) -> str:
        available = self.available or 0
        for tile in range(self.tile - 1, LEAST_TILE - 1, -1):
            if replace(self, tile=tile).needed(image) <= available:
                return f"the largest tile that fits is {tile}"
        return "no smaller tile fits: free memory, or cut the image into parts"


def room_for(predictor: TiledPredictor, *, overlay: bool = False) -> Room:
    """Return the room that there is now.

    Args:
        predictor: whose images are meant.
        overlay: whether overlays will be written.
    """
    return Room(
        tile=predictor.tile,
        classes=len(predictor.classes),
        views=len(predictor.predictor.views()),
        available=available_memory(),
        overlay=overlay,
    )


def _bytes_of_tiles(size: tuple[int, int], tile: int, classes: int, views: int) -> int:
    """Return the most bytes that the maps of a row of tiles take, and the tiles on their way there.

    Those that are seen together keep their maps until the last is laid down. While it is read it is
    there three times, and what it is read by, strip by strip, twice for each view and twice more.
    Then the row is read, strip by strip, into the label map.
    """
    height, width = (min(tile, length) for length in size)
    together = min(
        IMAGES_AT_ONCE, ceil(PIXELS_AT_ONCE / (height * width)), tiles_along(size[1], tile)
    )
    laid = _MAP * classes * height * (width * (together + 2))
    laid += _MAP * (classes + 1) * min(PIXELS, height * width) * 2 * (1 + views)
    read = (2 * _MAP * (classes + 1) + 12) * min(max(PIXELS, size[1]), height * size[1])
    row = _MAP * classes * height * size[1]
    return row + max(laid, read + _MAP * classes * height * width)


def _classes(number: int) -> str:
    return "1 class" if number == 1 else f"{number} classes"


def _gigabytes(amount: int) -> str:
    return f"{amount / 10**9:.2f} GB"
