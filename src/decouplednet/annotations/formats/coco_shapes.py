"""One annotation of COCO's form as a shape that a mask is drawn from."""

import json
import math
from collections.abc import Sequence
from reprlib import repr as shortened
from typing import Any

from decouplednet.annotations.formats.coco_tables import Drawn, Extent, key_of
from decouplednet.errors import DataError

_CROWD = (1, True, "1")


def drawn_of(annotation: Any) -> Drawn | None:
    """Return an annotation in the form that it is sorted in; None where it names no image.

    Of objects that overlap the smaller lies on top, as what stands before something large hides
    part of it and not the whole; a crowd lies below all single objects.
    """
    image = key_of(annotation.get("image_id")) if isinstance(annotation, dict) else None
    if image is None:
        return None
    crowd = annotation.get("iscrowd") in _CROWD
    try:
        extent, shape = _shape(annotation.get("segmentation"), annotation.get("bbox"))
        rank = -math.inf if crowd else -_area(annotation)
    except DataError as fault:
        extent, shape, rank = Extent.FAULT, str(fault), 0.0
    class_id = key_of(annotation.get("category_id")) or ""
    number = key_of(annotation.get("id")) or "without id"
    return Drawn(image, rank, class_id, extent, shape, crowd, number)


def _shape(outline: Any, box: Any) -> tuple[Extent, str]:
    """Return how much of an object is said, and JSON of its shape."""
    if isinstance(outline, dict):
        return Extent.WHOLE, _spelt("rle", _run_lengths(outline))
    if outline is not None and not isinstance(outline, list):
        raise DataError(f"the segmentation is neither polygons nor run lengths: {_told(outline)}")
    polygons = _polygons(outline or [])
    if polygons:
        return Extent.WHOLE, _spelt("polygons", polygons)
    if box:
        return Extent.PART, _spelt("box", _box(box))
    return Extent.NONE, ""


def _run_lengths(outline: dict[str, Any]) -> dict[str, Any]:
    size, counts = outline.get("size"), outline.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not isinstance(counts, list | str):
        raise DataError(
            'the run lengths need "size", [height, width], and "counts", a list or a text; found '
            f"{_told(outline)}"
        )
    return {"size": size, "counts": counts}


def _polygons(outline: list[Any]) -> list[list[Any]]:
    """Return the polygons of an object; one of less than three points holds no pixel."""
    if outline and not isinstance(outline[0], list):  # some tools leave the inner brackets out
        outline = [outline]
    for polygon in outline:
        if not isinstance(polygon, list) or len(polygon) % 2:
            raise DataError(f"a polygon is a list of x, y, x, y, ...; found {_told(polygon)}")
    return [polygon for polygon in outline if len(polygon) >= 6]


def _box(box: Any) -> list[Any]:
    if not isinstance(box, list) or len(box) != 4:
        raise DataError(f'the "bbox" is no [left, top, width, height]; found {_told(box)}')
    return box


def _area(annotation: dict[str, Any]) -> float:
    """Return the area of an object in pixels: as it is said, else of its box, else of outlines."""
    said = _number(annotation.get("area"))
    if said > 0:
        return said
    box = annotation.get("bbox")
    if isinstance(box, list) and len(box) == 4 and _number(box[2]) * _number(box[3]) > 0:
        return _number(box[2]) * _number(box[3])
    outline = annotation.get("segmentation")
    if isinstance(outline, dict):
        counts = outline.get("counts")
        return sum(map(_number, counts[1::2])) if isinstance(counts, list) else 0.0
    return sum(polygon_area(polygon) for polygon in _polygons(outline or []))


def polygon_area(polygon: Sequence[Any]) -> float:
    """Return the area that a polygon encloses, in its own units; 0 where a number is none.

    Args:
        polygon: x, y, x, y, ... of its corners.

    Source: the trapezoid form of Green's theorem.

    >>> polygon_area([0, 0, 4, 0, 4, 3])
    6.0
    """
    xs = [_number(x) for x in polygon[0::2]]
    ys = [_number(y) for y in polygon[1::2]]
    after = [*zip(xs[1:], ys[1:], strict=True), (xs[0], ys[0])]
    twice = sum(x * v - u * y for x, y, (u, v) in zip(xs, ys, after, strict=True))
    return abs(twice) / 2 if math.isfinite(twice) else 0.0


def _number(value: Any) -> float:
    """Return a finite number of JSON; 0 for anything else."""
    if not isinstance(value, int | float):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _spelt(kind: str, value: Any) -> str:
    return json.dumps({kind: value}, separators=(",", ":"))


def _told(value: Any) -> str:
    return shortened(value)
