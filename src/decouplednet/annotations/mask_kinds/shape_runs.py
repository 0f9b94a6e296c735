"""Shapes of runs of pixels: run lengths, brushes and small PNGs."""

import base64
import binascii
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.mask_kinds.drawing import Drawing
from decouplednet.annotations.writers.brush import decode_brush
from decouplednet.errors import DataError

_LONGEST_COUNT = 7  # characters; 5 bits in each

Counts = NDArray[np.int64]


def rle(value: Any, drawing: Drawing, index: int) -> None:
    """Draw COCO's run lengths: column by column over the whole picture, unset ones first.

    Args:
        value: {"size": [h, w], "counts": [...] or compressed text}.
        drawing: where they are drawn.
        index: the id of their class.

    Raises:
        DataError: they are of a picture of another size, or do not fill it.
    """
    height, width = drawing.size
    if not isinstance(value, dict):
        raise DataError('run lengths are {"size": [h, w], "counts": ...}')
    size = value.get("size")
    if size != [height, width]:
        raise DataError(
            f"run lengths of a picture of {size} (height, width), drawn on one of {[height, width]}"
        )
    counts = value.get("counts")
    paint_columns(drawing, compressed_counts(counts) if isinstance(counts, str) else counts, index)


def runs(value: Any, drawing: Drawing, index: int) -> None:
    """Draw runs row by row in a box, unset ones first, as CVAT has them.

    Args:
        value: [left, top, width, height, [...]].
        drawing: where they are drawn; what lies outside does not count.
        index: the id of their class.

    Raises:
        DataError: the box is none or larger than the picture, or the runs do not fill it.
    """
    if not isinstance(value, list) or len(value) != 5:
        raise DataError("runs are [left, top, width, height, [...]]")
    left, top, width, height = _whole(value[:4])
    if min(width, height) < 1 or width * height > drawing.mask.size:
        raise DataError(f"the box of the runs has {width} x {height} pixels")
    covered = _alternating(_filling(value[4], width * height))
    drawing.paint(top, left, covered.reshape(height, width), index)


def brush(value: Any, drawing: Drawing, index: int) -> None:
    """Draw a brush of Label Studio.

    Args:
        value: its bytes.
        drawing: where it is drawn.
        index: the id of its class.

    Raises:
        DataError: the bytes are no brush, or one on a picture of another size.
    """
    if not isinstance(value, list):
        raise DataError("a brush is a list of bytes")
    drawing.mask[decode_brush(value, drawing.size) > 0] = index


def png(value: Any, drawing: Drawing, index: int) -> None:
    """Draw the pixels of a small PNG that are not 0, or not transparent where it says that.

    Args:
        value: [left, top, base64 text].
        drawing: where they are drawn; what lies outside does not count.
        index: the id of their class.

    Raises:
        DataError: the text is no PNG, or one larger than the picture.
    """
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[2], str):
        raise DataError("a PNG is [left, top, base64 text]")
    left, top = _whole(value[:2])
    drawing.paint(top, left, _not_zero(value[2], drawing.mask.size), index)


def compressed_counts(text: str) -> Counts:
    """Return the run lengths that COCO's compressed text holds.

    Each character holds 5 bits of a number, the lowest first, above 48; the bit of 32 says that
    more follow, the bit of 16 in the last that the number is negative. From the fourth on, numbers
    are differences to the run before the last.

    Args:
        text: of ``counts``.

    Raises:
        DataError: it is no such text.

    Source: the format of the COCO API, common/maskApi.c, rleToString.

    >>> compressed_counts("52203").tolist()
    [5, 2, 2, 2, 5]
    """
    codes = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    is_last = (codes & 32) == 0
    if not codes.size or codes.min() < 0 or codes.max() >= 64 or not is_last[-1]:
        raise DataError("its run lengths are no compressed text of COCO, or cut short")
    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    place = np.arange(codes.size) - np.repeat(starts, ends - starts + 1)
    if place.max() >= _LONGEST_COUNT:
        raise DataError("its run lengths hold a number that is too long")
    numbers = np.add.reduceat((codes & 31) << (5 * place), starts)
    numbers -= ((codes[ends] & 16) != 0) * (np.int64(1) << (5 * (place[ends] + 1)))
    numbers[1::2] = numbers[1::2].cumsum()
    numbers[2::2] = numbers[2::2].cumsum()
    return numbers


def paint_columns(drawing: Drawing, counts: Any, index: int) -> None:
    """Draw run lengths, column by column over the whole picture, unset ones first.

    Only the columns between the first and the last pixel of the shape are made.

    Raises:
        DataError: they do not fill the picture.
    """
    height, width = drawing.size
    ends = _filling(counts, height * width).cumsum()
    painted = ends[1::2]
    if not painted.size or ends[0] == painted[-1]:
        return
    first, last = int(ends[0]) // height, -(-int(painted[-1]) // height)
    within = np.clip(ends, first * height, last * height) - first * height
    covered = _alternating(np.diff(within, prepend=0)).reshape(last - first, height)
    drawing.paint(0, first, covered.T, index)


def _filling(counts: Any, pixels: int) -> Counts:
    """Return run lengths that fill so many pixels."""
    try:
        lengths = np.asarray(counts)
    except ValueError:  # lists of other lengths inside
        lengths = np.empty(0)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise DataError("its run lengths are no whole numbers from 0 on")
    total = int(np.minimum(lengths, pixels + 1).sum(dtype=np.int64))  # so that nothing overflows
    if total != pixels:
        few = "fewer" if total < pixels else "more"
        raise DataError(f"its run lengths cover {few} than the {pixels} pixels that there are")
    return lengths.astype(np.int64)


def _alternating(lengths: Counts) -> NDArray[np.bool_]:
    """Return pixels that are unset and set in turns, each so many times."""
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths)


def _whole(numbers: list[Any]) -> list[int]:
    """Return whole numbers; tools write some of them as 5.0."""
    if not all(isinstance(n, int | float) and abs(n) < 2**31 and n == int(n) for n in numbers):
        raise DataError(f"its place {numbers} is not in whole pixels")
    return [int(number) for number in numbers]


def _not_zero(text: str, most: int) -> NDArray[np.bool_]:
    """Return the (H, W) pixels of a PNG that are not 0.

    Args:
        text: base64 of the file.
        most: pixels that it may have.
    """
    try:
        content = io.BytesIO(base64.b64decode(text, validate=True))
        with Image.open(content, formats=["PNG"]) as picture:
            _check_pixels(picture, most)
            pixels = np.asarray(picture)
            has_alpha = picture.mode in ("LA", "RGBA")
    except DataError:
        raise
    except (binascii.Error, ValueError):
        raise DataError("its PNG is no base64 text") from None
    except Exception as fault:  # Pillow's readers raise a dozen kinds on hostile files
        raise DataError(f"its PNG cannot be read: {' '.join(str(fault).split())[:200]}") from None
    if has_alpha:
        pixels = pixels[..., -1]
    covered: NDArray[np.bool_] = np.logical_or.reduce(np.atleast_3d(pixels), axis=2)
    return covered


def _check_pixels(picture: Image.Image, most: int) -> None:
    if picture.width * picture.height > most:
        raise DataError(
            f"its PNG has {picture.width} x {picture.height} pixels, more than the {most} of the "
            "picture"
        )
