"""Masks in a PNG whose colours or numbers are ids of segments or classes.

``Content.file`` is the PNG, and ``Content.more`` one JSON object:

- ``ids``: ``"colours"``, where the id of a pixel is R + 256 G + 65536 B, as in COCO panoptic, or
  ``"numbers"``, where a channel of 8 or 16 bits holds it, as in COCO-Stuff or Cityscapes;
- ``classes``: {"7": "road", ...}: the class of each id; null: 255, ignored; "": background;
- ``others``: what the pixels of all other ids are, 0 or 255; null: there may be none.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.images import opened, refuse_series
from decouplednet.annotations.mask_content import Content
from decouplednet.annotations.mask_kinds.class_ids import class_id
from decouplednet.annotations.masks import read_mask
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

_EIGHT_BITS = frozenset({"1", "L", "P"})
_MORE_BITS = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_COLOURS = frozenset({"RGB", "RGBA"})
_PIXELS = 2**18  # that are translated at once, unless a row has more


def read(content: Content, image: Path, classes: ClassList) -> NDArray[np.uint8]:  # noqa: ARG001
    """Return the mask that a PNG of ids shows, at its own size.

    Args:
        content: the PNG, and the class of each id.
        image: that it belongs to.
        classes: of the data set; pixels of a class that is none of them are 255.

    Returns:
        (H, W) uint8: 0 background, 1 and up the classes, 255 ignored.

    Raises:
        DataError: the file is missing, cut short or no PNG, has not the channels that ids take, or
            holds an id of which nothing is said.
    """
    details = content.details()
    by_id = {int(number): class_id(name, classes) for number, name in details["classes"].items()}
    stored = _colours(content.file) if details["ids"] == "colours" else _numbers(content.file)
    known = np.array(sorted(by_id), dtype=np.int64)
    values = np.array([by_id[number] for number in sorted(by_id)], dtype=np.uint8)
    height, width = stored.shape[0], stored.shape[1]
    mask: NDArray[np.uint8] = np.empty((height, width), dtype=np.uint8)
    rows = max(1, _PIXELS // width)
    for top in range(0, height, rows):
        ids = _ids(stored[top : top + rows])
        place = np.searchsorted(known, ids).clip(0, max(0, known.size - 1))
        found = known[place] == ids if known.size else np.zeros(ids.shape, np.bool_)
        if details["others"] is None and not found.all():
            raise DataError(f"{content.file}: {_unknown(ids, found, top)}")
        others = np.uint8(details["others"] or 0)
        mask[top : top + rows] = np.where(found, values[place], others) if known.size else others
    return mask


def _ids(pixels: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return the id of each pixel of (H, W) numbers or (H, W, 3 or 4) colours."""
    wide = pixels.astype(np.int64)
    return wide if wide.ndim == 2 else wide[..., 0] + 256 * wide[..., 1] + 65536 * wide[..., 2]


def _colours(path: Path) -> NDArray[np.generic]:
    """Return the (H, W, 3 or 4) colours of a PNG."""
    stored, mode = _opened(path)
    if mode not in _COLOURS:
        raise DataError(f"{path}: is a picture of mode {mode}; ids of segments are colours (RGB)")
    return stored


def _numbers(path: Path) -> NDArray[np.generic]:
    """Return the (H, W) numbers of a PNG."""
    stored, mode = _opened(path)
    if mode in _MORE_BITS:
        return stored
    if mode not in _EIGHT_BITS:
        raise DataError(f"{path}: is a colour picture (mode {mode}); ids of classes are numbers")
    return read_mask(path)  # which knows how grey of few bits is stored


def _opened(path: Path) -> tuple[NDArray[np.generic], str]:
    """Return the pixels of a PNG, and Pillow's name for what they are."""
    with opened(path) as picture:
        refuse_series(picture)
        stored, mode, file_format = np.asarray(picture), picture.mode, picture.format
    if file_format != "PNG":
        raise DataError(
            f"{path}: is a {file_format} inside; ids are kept in a PNG, because other formats may "
            "change them; export it as PNG"
        )
    return stored, mode


def _unknown(ids: NDArray[np.int64], found: NDArray[np.bool_], top: int) -> str:
    row, column = (int(place) for place in np.argwhere(~found)[0])
    return (
        f"the id {ids[row, column]} at row {top + row}, column {column} is none that the "
        "annotation file lists for the image; export both anew, together"
    )
