"""Shapes of points: polygons, boxes, points and strokes."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.mask_kinds.drawing import Drawing
from decouplednet.annotations.mask_kinds.shape_runs import compressed_counts, paint_columns
from decouplednet.classes import IGNORE
from decouplednet.errors import DataError

INNER = 0.2
"""The share of a box's area around its centre that is taken for the class; all else is ignored.

Source: Khoreva et al., Simple Does It, CVPR 2017, Box^i.
"""

STROKE = 3
"""How wide a stroke is, in pixels."""

_LONG = 100_000  # pixels of a boundary that any picture may have; a large one has room for more
_ROOM = 8  # pixels of a picture for each further pixel of a boundary
_PIECE = 64  # pixels of a stroke that are drawn at once

Points = NDArray[np.float64]


def polygons(value: Any, drawing: Drawing, index: int) -> None:
    """Draw polygons that are one shape together, as COCO's own tools draw them.

    Args:
        value: [[x, y, x, y, ...], ...].
        drawing: where they are drawn.
        index: the id of their class.

    Raises:
        DataError: there is a polygon of less than three points, one far outside of the picture,
            one whose boundary is too long, or the package pycocotools is missing.
    """
    try:
        from pycocotools.mask import frPyObjects
    except ModuleNotFoundError:
        raise DataError(
            "drawing polygons needs pycocotools; run: pip install 'decouplednet[formats]'"
        ) from None
    height, width = drawing.size
    for polygon in value if isinstance(value, list) else [value]:
        points = _points(polygon, drawing)
        if len(points) < 3:
            raise DataError(f"a polygon has at least 3 points; this one has {len(points)}")
        _check_length(np.concatenate([points, points[:1]]), drawing)
        (drawn,) = frPyObjects([points.ravel().tolist()], height, width)
        paint_columns(drawing, compressed_counts(drawn["counts"].decode()), index)


def box(value: Any, drawing: Drawing, index: int) -> None:
    """Draw what a box says for sure: its middle is of its class; all else in it is ignored.

    Args:
        value: [left, top, width, height]; what lies outside of the picture does not count.
        drawing: where it is drawn.
        index: the id of its class; in the box of an ignored class all is ignored.

    Raises:
        DataError: it is no box, or lies outside of the picture.
    """
    pairs = _pairs(value, drawing)
    if len(pairs) != 2:
        raise DataError(f"the box {value} is no [left, top, width, height]")
    (left, top), (width, height) = pairs.tolist()
    height_all, width_all = drawing.size
    left, right = max(0.0, left), min(float(width_all), left + width)
    top, bottom = max(0.0, top), min(float(height_all), top + height)
    if left >= right or top >= bottom:
        raise DataError(f"the box {value} covers nothing of the picture")
    rows = slice(math.floor(top), math.ceil(bottom))
    columns = slice(math.floor(left), math.ceil(right))
    drawing.mask[rows, columns] = IGNORE
    drawing.mask[_middle(top, bottom), _middle(left, right)] = index


def point(value: Any, drawing: Drawing, index: int) -> None:
    """Draw the one pixel that a point lies in.

    Args:
        value: [x, y].
        drawing: where it is drawn.
        index: the id of its class.

    Raises:
        DataError: it is no point, or lies outside of the picture.
    """
    points = _points(value, drawing)
    height, width = drawing.size
    x, y = (math.floor(number) for number in points[0])
    if len(points) > 1 or not (-1 <= x <= width and -1 <= y <= height):
        raise DataError(f"the point {value} is none in the picture")
    drawing.mask[min(max(y, 0), height - 1), min(max(x, 0), width - 1)] = index


def line(value: Any, drawing: Drawing, index: int) -> None:
    """Draw a stroke: all pixels whose centre is at most half of its width away from the line.

    Args:
        value: [x, y, x, y, ...].
        drawing: where it is drawn.
        index: the id of its class.

    Raises:
        DataError: these are no points, one lies far outside, or the line is too long.
    """
    points = _points(value, drawing)
    _check_length(points, drawing)
    for start, end in pairwise(points if len(points) > 1 else np.repeat(points, 2, axis=0)):
        pieces = math.ceil(float(np.abs(end - start).max()) / _PIECE)
        corners = np.linspace(start, end, max(1, pieces) + 1)
        for first, last in pairwise(corners):
            _stroke(first, last, drawing, index)


def _points(value: Any, drawing: Drawing) -> Points:
    """Return (N, 2) (x, y) in pixels, N at least 1."""
    points = _pairs(value, drawing)
    height, width = drawing.size
    outside = (points < (-width, -height)) | (points > (2 * width, 2 * height))
    if outside.any():
        x, y = points[outside.any(axis=1)][0]
        raise DataError(
            f"the point ({x:g}, {y:g}) lies far outside of the picture of {width} x {height} pixels"
        )
    return points


def _pairs(value: Any, drawing: Drawing) -> Points:
    """Return (N, 2) numbers in pixels, N at least 1."""
    try:
        flat = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError("its points are no list of numbers") from None
    if flat.ndim != 1 or not flat.size or flat.size % 2:
        raise DataError(f"its points are no list of x, y, x, y, ...; shape {flat.shape}")
    with np.errstate(over="ignore"):
        pairs = flat.reshape(-1, 2) * drawing.unit
    if not np.isfinite(pairs).all():
        raise DataError("its points are no finite numbers")
    return pairs


def _check_length(points: Points, drawing: Drawing) -> None:
    """Refuse a line that no person draws, but that takes memory and time."""
    length = float(np.abs(np.diff(points, axis=0)).max(axis=1, initial=0.0).sum())
    most = _LONG + drawing.mask.size // _ROOM
    if length > most:
        raise DataError(f"its line is {length:.0f} pixels long, longer than {most}")


def _middle(start: float, end: float) -> slice:
    """Return the pixels of a box's inner share along one side: at least the one in its middle."""
    centre, half = (start + end) / 2, (end - start) / 2 * math.sqrt(INNER)
    first, last = math.ceil(centre - half - 0.5), math.floor(centre + half - 0.5)
    return slice(first, last + 1) if first <= last else slice(int(centre), int(centre) + 1)


def _stroke(start: Points, end: Points, drawing: Drawing, index: int) -> None:
    """Draw one straight piece of a stroke."""
    height, width = drawing.size
    reach = STROKE / 2 + 1
    left, top = (max(0, math.floor(least - reach)) for least in np.minimum(start, end))
    most_x, most_y = (math.ceil(most + reach) for most in np.maximum(start, end))
    right, bottom = min(width, most_x), min(height, most_y)
    if left >= right or top >= bottom:
        return
    xs = np.arange(left, right) + 0.5 - start[0]
    ys = (np.arange(top, bottom) + 0.5 - start[1])[:, None]
    x, y = end - start
    squared = x * x + y * y
    along = np.clip((xs * x + ys * y) / squared, 0, 1) if squared else np.zeros(1)
    apart = (xs - along * x) ** 2 + (ys - along * y) ** 2
    drawing.paint(top, left, apart <= (STROKE / 2) ** 2, index)
