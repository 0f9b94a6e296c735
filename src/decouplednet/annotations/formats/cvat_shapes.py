"""What CVAT draws, as parts of a mask; see `mask_kinds.shapes` for these."""

import math
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from PIL import Image

Part = dict[str, Any]

# Shapes that leave open what the pixels around them are.
SPARSE = frozenset({"box", "points", "polyline"})
_FARTHEST = 2.0**24  # pixels; farther out float32 has no steps of one pixel
_ROUNDNESS = 0.05  # pixels by which the outline of an ellipse may miss the curve
_INNER = math.sqrt(0.2)  # of a box's sides: 20 % of its area (Khoreva et al., CVPR 2017, Box^i)
_SHOWN = 40  # characters of what is no number, in messages


class ShapeError(ValueError):
    """A shape is not what the format says; the text ends a sentence."""


def shape_parts(element: Element, name: str | None) -> list[Part]:
    """Return the parts of a mask that an element draws, the lowest first.

    Args:
        element: one of ``SHAPES``.
        name: of its class; "" of background, None of what is ignored.

    Raises:
        ShapeError: a number is missing or is none, or the shape has no area.
    """
    return [{"class": name, **part} for part in SHAPES[element.tag](element)]


def _polygon(element: Element) -> list[Part]:
    points = _points(element)
    if len(points) < 6:
        raise ShapeError(f"has {len(points) // 2} points, a polygon at least 3")
    return [{"polygons": [points]}]


def _polyline(element: Element) -> list[Part]:
    points = _points(element)
    if len(points) < 4:
        raise ShapeError("has 1 point, a line at least 2")
    return [{"line": points}]


def _single_points(element: Element) -> list[Part]:
    points = _points(element)
    return [{"point": points[at : at + 2]} for at in range(0, len(points), 2)]


def _box(element: Element) -> list[Part]:
    left, right = sorted((_number(element, "xtl"), _number(element, "xbr")))
    top, bottom = sorted((_number(element, "ytl"), _number(element, "ybr")))
    width, height = right - left, bottom - top
    if not width or not height:
        raise ShapeError("has no area")
    angle = _number(element, "rotation", 0.0)
    if not angle % 360:
        return [{"box": [left, top, width, height]}]
    middle = (left + width / 2, top + height / 2)
    whole, inner = (
        [_turned((x * width * share / 2, y * height * share / 2), angle, middle) for x, y in _UNIT]
        for share in (1.0, _INNER)
    )
    # As a box that is not turned: nobody knows what the pixels outside its inner part are.
    return [{"class": None, "polygons": [_flat(whole)]}, {"polygons": [_flat(inner)]}]


def _ellipse(element: Element) -> list[Part]:
    middle = (_number(element, "cx"), _number(element, "cy"))
    across, down = abs(_number(element, "rx")), abs(_number(element, "ry"))
    if not across or not down:
        raise ShapeError("has no area")
    angle = _number(element, "rotation", 0.0)
    corners = _corners(max(across, down))
    turns = (2 * math.pi * corner / corners for corner in range(corners))
    outline = [
        _turned((across * math.cos(turn), down * math.sin(turn)), angle, middle) for turn in turns
    ]
    return [{"polygons": [_flat(outline)]}]


def _mask(element: Element) -> list[Part]:
    left, top = _whole(element, "left"), _whole(element, "top")
    width, height = _whole(element, "width"), _whole(element, "height")
    limit = Image.MAX_IMAGE_PIXELS or math.inf
    if width < 1 or height < 1 or width * height > limit:
        raise ShapeError(f"is {width} x {height} pixels")
    runs = _runs(element)
    if sum(runs) != width * height or len(runs) > width * height + 2:
        raise ShapeError(f"has runs of {sum(runs)} pixels in all, and is {width} x {height} pixels")
    return [{"runs": [left, top, width, height, runs]}]


# Elements of "CVAT for images 1.1" that are drawn, and what each becomes.
SHAPES: Mapping[str, Callable[[Element], list[Part]]] = {
    "box": _box,
    "ellipse": _ellipse,
    "mask": _mask,
    "points": _single_points,
    "polygon": _polygon,
    "polyline": _polyline,
}
_UNIT = ((-1, -1), (1, -1), (1, 1), (-1, 1))

_Point = tuple[float, float]


def _corners(radius: float) -> int:
    """Return how many corners, at most 1000, keep a polygon within ``_ROUNDNESS`` of a circle.

    A side of n misses the circle by radius x (1 - cos(pi / n)).
    """
    if radius <= _ROUNDNESS:
        return 4
    return min(1000, max(12, math.ceil(math.pi / math.acos(1 - _ROUNDNESS / radius))))


def _turned(offset: _Point, degrees: float, middle: _Point) -> _Point:
    """Return a point beside the middle of a shape that is turned clockwise, as it is shown."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    x, y = offset
    return middle[0] + x * cosine - y * sine, middle[1] + x * sine + y * cosine


def _flat(points: list[_Point]) -> list[float]:
    return [round(value, 3) for point in points for value in point]


def _points(element: Element) -> list[float]:
    """Return [x, y, x, y, ...] of ``x,y;x,y;...``."""
    text = _text(element, "points")
    pairs = text.split(";")
    for pair in pairs:
        if pair.count(",") != 1:
            raise ShapeError(f"has the point {_cut(pair)}, which are not two numbers")
    numbers = text.replace(";", ",").split(",")
    try:
        values = list(map(float, numbers))
    except ValueError:
        values = [math.nan]
    if math.isfinite(sum(values)) and -_FARTHEST <= min(values) <= max(values) <= _FARTHEST:
        return values
    return [_place(number, "points") for number in numbers]  # one of them is refused


def _number(element: Element, key: str, default: float | None = None) -> float:
    if default is not None and element.get(key) is None:
        return default
    return _place(_text(element, key), key)


def _place(text: str, key: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= _FARTHEST:
        raise ShapeError(f"has {_cut(text)} in its {key}, which is no place on an image")
    return number


def _whole(element: Element, key: str) -> int:
    text = _text(element, key)
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= _FARTHEST:
        raise ShapeError(f"has {_cut(text)} as its {key}, which is no whole number of pixels")
    return number


def _runs(element: Element) -> list[int]:
    text = _text(element, "rle")
    try:
        runs = [int(run) for run in text.split(",")]
    except ValueError:
        runs = [-1]
    if min(runs) < 0:
        raise ShapeError(f"has {_cut(text)} as its rle, which are no numbers of pixels")
    return runs


def _text(element: Element, key: str) -> str:
    text = element.get(key)
    if text is None:
        raise ShapeError(f"has no {key}")
    return text


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
