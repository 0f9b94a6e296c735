"""Masks drawn as shapes: outlines, run lengths, brushes, boxes, points and strokes.

``Content.more`` is one JSON object:

- ``size``: [height, width] of the picture that was drawn on, in pixels; null: the image's own.
- ``rest``: what pixels are that no shape covers: 0, or 255 where not everything was drawn.
- ``normalised``: optional; true where an x and a width are shares of the picture's width, and a y
  and a height of its height, instead of pixels. Run lengths, brushes and PNGs are always in pixels.
- ``parts``: shapes from the lowest to the topmost, each with ``class`` (a name; null: 255,
  ignored; "" for background) and exactly one of
    - ``polygons``: [[x, y, x, y, ...], ...], united, in pixels from the upper left corner;
    - ``rle``: {"size": [h, w], "counts": [...] or compressed text}, as in COCO;
    - ``runs``: [left, top, width, height, [...]], runs row by row in a box, unset ones first;
    - ``brush``: [...], bytes of Label Studio's brush over the whole picture;
    - ``png``: [left, top, base64 text], a PNG that is not 0 where the shape is;
    - ``box``: [left, top, width, height];
    - ``point``: [x, y];
    - ``line``: [x, y, x, y, ...].
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.images import image_size
from decouplednet.annotations.mask_content import Content
from decouplednet.annotations.mask_kinds.class_ids import class_id
from decouplednet.annotations.mask_kinds.drawing import Drawing
from decouplednet.annotations.mask_kinds.shape_outlines import box, line, point, polygons
from decouplednet.annotations.mask_kinds.shape_runs import brush, png, rle, runs
from decouplednet.classes import BACKGROUND, IGNORE, ClassList
from decouplednet.errors import DataError

MOST_PARTS = 100_000
"""Most shapes of one image."""

_PAINTERS: Mapping[str, Callable[[Any, Drawing, int], None]] = {
    "polygons": polygons,
    "rle": rle,
    "runs": runs,
    "brush": brush,
    "png": png,
    "box": box,
    "point": point,
    "line": line,
}


def read(content: Content, image: Path, classes: ClassList) -> NDArray[np.uint8]:
    """Return the mask that the shapes draw, at the size that they were drawn at.

    A later shape lies on top. The pixels of a class that the data set does not have are 255.

    Args:
        content: the shapes.
        image: that they belong to, whose size counts where none is said.
        classes: of the data set.

    Returns:
        (H, W) uint8: 0 background, 1 and up the classes, 255 ignored.

    Raises:
        DataError: a shape is none, or lies far outside of the picture; the image cannot be opened;
            or a package that draws it is missing.
    """
    details = content.details()
    try:
        drawing = _empty(details, image)
    except DataError as fault:
        raise DataError(f"{content.file}: mask of {image.name}: {fault}") from None
    for number, part in enumerate(details["parts"], start=1):
        try:
            _paint(part, drawing, classes)
        except DataError as fault:
            where = f"{content.file}: mask of {image.name}: shape {number} ({_named(part)})"
            raise DataError(f"{where}: {fault}") from None
    return drawing.mask


def _empty(details: Mapping[str, Any], image: Path) -> Drawing:
    """Return the picture before anything is drawn on it."""
    if len(details["parts"]) > MOST_PARTS:
        raise DataError(f"{len(details['parts'])} shapes are more than {MOST_PARTS}")
    height, width = details["size"] or image_size(image)
    most = Image.MAX_IMAGE_PIXELS
    if min(height, width) < 1 or (most is not None and height * width > most):
        raise DataError(f"{width} x {height} pixels are none, or more than {most}")
    mask = np.full((height, width), details["rest"], dtype=np.uint8)
    unit = (float(width), float(height)) if details.get("normalised") else (1.0, 1.0)
    return Drawing(mask, unit)


def _paint(part: Mapping[str, Any], drawing: Drawing, classes: ClassList) -> None:
    (kind,) = set(part) - {"class"}
    _PAINTERS[kind](part[kind], drawing, class_id(part["class"], classes))


def _named(part: Mapping[str, Any]) -> str:
    known = {None: str(IGNORE), "": str(BACKGROUND)}
    return known.get(part["class"]) or str(part["class"])
