"""Shapes of LabelMe, in pixels from the upper left corner of the image."""

import math
import re
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from decouplednet.annotations.formats.drawn_shapes import (
    Drawn,
    Point,
    box_of,
    coordinate,
    ellipse,
    outline,
    spot,
    stroke,
)
from decouplednet.annotations.formats.refusals import ImageRefusedError, class_or_refusal
from decouplednet.counts import count

IGNORED = "__ignore__"
"""What LabelMe's examples call what shall not count."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = 32  # signs of base64 that hold a PNG's signature, the head of its first chunk and its size
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_EXPECTED = {
    "polygon": "at least 3 points",
    "rectangle": "2 corners or 4, and an area",
    "oriented_rectangle": "4 different corners",
    "rotation": "4 different corners",
    "circle": "a middle and a point of its rim",
    "line": "2 points",
    "linestrip": "at least 2 points",
    "point": "1 point",
    "mask": "2 corners",
}


def shape_of(shape: Mapping[str, Any]) -> Drawn:
    """Return a shape of a file of LabelMe.

    Args:
        shape: an item of its ``shapes``.

    Raises:
        ImageRefusedError: its class cannot be one, it is of a kind that is not read, or its points
            are not such as its kind has.
    """
    listed = shape.get("label")
    name = None if listed == IGNORED else class_or_refusal(listed)
    kind = shape.get("shape_type") or "polygon"
    draw = _DRAWN.get(kind) if isinstance(kind, str) else None
    if draw is None:
        raise ImageRefusedError(
            "unread-shape", f"a shape of {kind!r} is not read; draw it as a polygon"
        )
    points = _points(shape)
    drawn = draw(name, points, shape)
    if drawn is None:
        raise ImageRefusedError(
            "bad-shape",
            f"it has {count(len(points), 'point')}, but a {kind} has {_EXPECTED[kind]}; draw it "
            "anew, or remove it",
        )
    return drawn


def _points(shape: Mapping[str, Any]) -> list[Point]:
    points = shape.get("points")
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 for point in points
    ):
        raise ImageRefusedError("bad-shape", "it has no list of points; draw it anew, or remove it")
    return [(coordinate(x), coordinate(y)) for x, y in points]


def _polygon(name: str | None, points: Sequence[Point], _: object) -> Drawn | None:
    return outline(name, points) if len(points) >= 3 else None


def _rectangle(name: str | None, points: Sequence[Point], _: object) -> Drawn | None:
    """A rectangle is a box: LabelMe draws outlines as polygons."""
    if len(points) not in (2, 4):
        return None
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    if not (left < right and top < bottom):
        return None
    return box_of(name, [(left, top), (right, top), (right, bottom), (left, bottom)])


def _turned_rectangle(name: str | None, points: Sequence[Point], _: object) -> Drawn | None:
    return box_of(name, points) if len(points) == 4 and len(set(points)) == 4 else None


def _circle(name: str | None, points: Sequence[Point], _: object) -> Drawn | None:
    radius = math.dist(*points) if len(points) == 2 else 0.0
    return ellipse(name, points[0], (radius, radius)) if radius > 0 else None


def _line(name: str | None, points: Sequence[Point], _: object) -> Drawn | None:
    return stroke(name, points) if len(points) == 2 else None


def _strip(name: str | None, points: Sequence[Point], _: object) -> Drawn | None:
    return stroke(name, points) if len(points) >= 2 else None


def _point(name: str | None, points: Sequence[Point], _: object) -> Drawn | None:
    return spot(name, points[0]) if len(points) == 1 else None


def _mask(name: str | None, points: Sequence[Point], shape: Mapping[str, Any]) -> Drawn | None:
    """A picture in a box whose corners are its first and its last pixel."""
    if len(points) != 2:
        return None
    picture = shape.get("mask")
    if not isinstance(picture, str) or not _BASE64.fullmatch(picture):
        raise ImageRefusedError("bad-shape", "its mask is no picture in base64; draw it anew")
    width, height = _picture_size(picture)
    (left, top), (right, bottom) = points
    whole = all(value == int(value) for value in (left, top, right, bottom))
    if whole and (width, height) != (right - left + 1, bottom - top + 1):
        raise ImageRefusedError(
            "bad-shape",
            f"its mask is {width} x {height} pixels, but its corners are "
            f"{right - left + 1:g} x {bottom - top + 1:g} pixels apart; draw it anew",
        )
    return Drawn(name, ({"class": name, "png": [round(left), round(top), picture]},))


def _picture_size(picture: str) -> tuple[int, int]:
    """Return width and height of a PNG in base64, from its first bytes."""
    start = picture[:_HEAD]
    head = b64decode(start) if len(start) == _HEAD else b""
    if len(head) < 24 or not head.startswith(_SIGNATURE):
        raise ImageRefusedError("bad-shape", "its mask is no PNG; draw it anew")
    width, height = struct.unpack(">II", head[16:24])
    most = Image.MAX_IMAGE_PIXELS
    if not width or not height or (most is not None and width * height > most):
        raise ImageRefusedError(
            "bad-shape", f"its mask is {width} x {height} pixels; draw it anew, or remove it"
        )
    return width, height


_DRAWN: Mapping[str, Callable[[str | None, Sequence[Point], Mapping[str, Any]], Drawn | None]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "oriented_rectangle": _turned_rectangle,
    "rotation": _turned_rectangle,  # of X-AnyLabeling
    "circle": _circle,
    "line": _line,
    "linestrip": _strip,
    "point": _point,
    "mask": _mask,
}
