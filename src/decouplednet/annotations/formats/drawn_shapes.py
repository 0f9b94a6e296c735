"""Shapes as tools draw them, as parts of a mask (see `mask_kinds.shapes`)."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from decouplednet.annotations.formats.refusals import ImageRefusedError
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.classes import BACKGROUND, IGNORE

Point = tuple[float, float]

BOX_CORE = 0.2
"""Share of a box's area, around its middle, that is taken for the class; the rest of the box is
not known. Source: Khoreva et al., Simple Does It, CVPR 2017 (Box^i)."""

FARTHEST = 1e6
"""Pixels: no coordinate of a shape may lie farther from the corner of its image."""

_DEVIATION = 0.05  # pixels by which the outline of an ellipse may miss it
_FEWEST, _MOST = 16, 4096  # corners of such an outline
_DIGITS = 6  # of a pixel's fraction: percentages of a size give whole pixels back


@dataclass(frozen=True, slots=True)
class Drawn:
    """One shape.

    Args:
        name: its class; None: ignored; empty: background, drawn as such.
        parts: of the mask, from the lowest to the topmost, as `mask_kinds.shapes` reads them.
        whole: whether it says exactly where the object is, as an outline does and a box does not.
    """

    name: str | None
    parts: tuple[dict[str, Any], ...]
    whole: bool = True


def coordinate(value: object) -> float:
    """Return a coordinate in pixels.

    Raises:
        ImageRefusedError: it is no number, not finite, or farther away than ``FARTHEST``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ImageRefusedError("bad-shape", f"{_short(value)} is no number; draw the shape anew")
    if not abs(value) <= FARTHEST:  # nor is NaN
        raise ImageRefusedError(
            "bad-shape",
            f"{_short(value)} is no place in an image; draw the shape anew, or remove it",
        )
    return float(value)


def checked_size(width: int, height: int) -> tuple[int, int]:
    """Return (H, W) of the picture that shapes were drawn on, in pixels.

    Raises:
        ImageRefusedError: no image of this size may be read.
    """
    most = Image.MAX_IMAGE_PIXELS
    if width < 1 or height < 1 or (most is not None and width * height > most):
        raise ImageRefusedError(
            "no-size",
            f"it was drawn on {width} x {height} pixels, which is no size of an image that may be "
            "read; correct the file, or remove it",
        )
    return height, width


def outline(name: str | None, *rings: Sequence[Point]) -> Drawn:
    """Return an area within one or several outlines, in pixels from the upper left corner."""
    return Drawn(name, ({"class": name, "polygons": [_flat(ring) for ring in rings]},))


def ellipse(name: str | None, middle: Point, radii: tuple[float, float], turn: float = 0) -> Drawn:
    """Return an ellipse as an outline that misses it by at most a twentieth of a pixel.

    Args:
        name: its class.
        middle: x and y in pixels.
        radii: along its own axes, in pixels.
        turn: clockwise around its middle, in degrees.
    """
    longest = max(radii)
    # A chord over the angle 2a of a circle of radius r lies r (1 - cos a) below it.
    least = max(-1.0, 1 - _DEVIATION / longest)
    corners = min(_MOST, max(_FEWEST, math.ceil(math.pi / math.acos(least))))
    angles = (2 * math.pi * corner / corners for corner in range(corners))
    ring = [(radii[0] * math.cos(angle), radii[1] * math.sin(angle)) for angle in angles]
    return outline(name, [_moved(_turned(point, turn), middle) for point in ring])


def box(name: str | None, corner: Point, size: tuple[float, float], turn: float = 0) -> Drawn:
    """Return a box, of which only the middle is taken for the class.

    Args:
        name: its class.
        corner: x and y of the corner that is the upper left one while it is not turned.
        size: width and height in pixels.
        turn: clockwise around ``corner``, in degrees.
    """
    width, height = size
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    return box_of(name, [_moved(_turned(point, turn), corner) for point in corners])


def box_of(name: str | None, corners: Sequence[Point]) -> Drawn:
    """Return a box that is given by its four corners in turn; it may be turned."""
    places = [(round(x, _DIGITS), round(y, _DIGITS)) for x, y in corners]
    columns, rows = sorted({x for x, _ in places}), sorted({y for _, y in places})
    if len(columns) == len(rows) == 2 and len(set(places)) == 4:
        left, top = columns[0], rows[0]
        size = (_rounded(columns[1] - left), _rounded(rows[1] - top))
        return Drawn(name, ({"class": name, "box": [left, top, *size]},), whole=False)
    middle = (sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4)
    share = math.sqrt(BOX_CORE)
    core = [
        (middle[0] + share * (x - middle[0]), middle[1] + share * (y - middle[1]))
        for x, y in corners
    ]
    around, inside = outline(None, corners), outline(name, core)
    return Drawn(name, (*around.parts, *inside.parts), whole=False)


def spot(name: str | None, place: Point) -> Drawn:
    """Return a point: one pixel."""
    return Drawn(name, ({"class": name, "point": _flat([place])},), whole=False)


def stroke(name: str | None, places: Sequence[Point]) -> Drawn:
    """Return a line through at least two points."""
    return Drawn(name, ({"class": name, "line": _flat(places)},), whole=False)


def classes_of(shapes: Iterable[Drawn]) -> frozenset[str]:
    """Return the classes that shapes name; neither background nor what is ignored is one."""
    return frozenset(one.name for one in shapes if one.name)


def content_of(file: Path, size: tuple[int, int] | None, shapes: Sequence[Drawn]) -> Content:
    """Return the content of a mask made of shapes, the last of them on top.

    What no shape covers is background if each shape says exactly where its object is, and not
    known otherwise.

    Args:
        file: that describes them.
        size: (H, W) in pixels of the picture that was drawn on; None: the image's own.
        shapes: at least one.
    """
    more = {
        "size": None if size is None else list(size),
        "rest": BACKGROUND if all(one.whole for one in shapes) else IGNORE,
        "parts": [part for one in shapes for part in one.parts],
    }
    return Content(Kind.SHAPES, file, json.dumps(more, separators=(",", ":"), allow_nan=False))


def _flat(places: Iterable[Point]) -> list[float]:
    return [_rounded(value) for place in places for value in place]


def _rounded(value: float) -> float:
    return round(value, _DIGITS)


def _turned(point: Point, degrees: float) -> Point:
    """Return a point turned around (0, 0), clockwise as y grows downwards."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (point[0] * cosine - point[1] * sine, point[0] * sine + point[1] * cosine)


def _moved(point: Point, by: Point) -> Point:
    return (point[0] + by[0], point[1] + by[1])


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
