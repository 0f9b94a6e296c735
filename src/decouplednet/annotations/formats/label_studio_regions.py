"""Regions of Label Studio, as shapes in pixels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from decouplednet.annotations.formats.drawn_shapes import (
    Drawn,
    Point,
    box,
    checked_size,
    coordinate,
    ellipse,
    outline,
    spot,
)
from decouplednet.annotations.formats.refusals import ImageRefusedError, class_or_refusal

LABEL_KEYS = (
    "brushlabels",
    "polygonlabels",
    "rectanglelabels",
    "ellipselabels",
    "keypointlabels",
    "labels",
)
"""Keys of a region's value that hold its classes; they are the types of results, too."""

_CHANNELS = 4  # of the picture that a brush's bytes stand for: red, green, blue, alpha
_HEADER = 4  # bytes of a brush that say how many values follow

Size = tuple[int, int]
Value = Mapping[str, Any]


def region(value: Value, size: Size) -> Drawn:
    """Return the shape of a region.

    Coordinates are percentages of the width and the height. A rectangle is given by its upper left
    corner, around which it is turned; an ellipse by its middle and its radii.

    Args:
        value: of the region: its geometry and its classes.
        size: (H, W) in pixels of the picture that was drawn on.

    Raises:
        ImageRefusedError: it has no class or several, or no area.

    Source:
        Label Studio, tags RectangleLabels, EllipseLabels, PolygonLabels, KeyPointLabels and
        BrushLabels, and how its editor draws them (``src/regions``, the ellipse around x and y).
    """
    name = _class_of(value)
    if "keypointlabels" in value:
        return _point(name, value, size)
    for key, draw in _DRAWN.items():
        if key in value:
            return draw(name, value, size)
    raise ImageRefusedError(
        "unread-shape",
        f"the region of {_called(name)} is none of brush, polygon, rectangle, ellipse and key "
        "point; draw it with one of them",
    )


def region_size(width: object, height: object) -> Size:
    """Return (H, W) of the picture that a region was drawn on, in pixels.

    Raises:
        ImageRefusedError: they are missing, or no size of an image that may be read.
    """
    if not isinstance(width, int) or not isinstance(height, int):
        raise ImageRefusedError(
            "no-size",
            "a region lacks original_width or original_height, without which percentages are no "
            "pixels; open the task in Label Studio, update it, and export anew",
        )
    return checked_size(width, height)


def has_geometry(value: Value) -> bool:
    """Tell whether the value of a result describes a region."""
    return any(key in value for key in _DRAWN)


def _class_of(value: Value) -> str:
    listed: list[Any] = []
    for key in LABEL_KEYS:
        if isinstance(value.get(key), list):
            listed += value[key]
    if not listed:
        raise ImageRefusedError(
            "shape-without-class", "a region has no class; choose one in Label Studio, or remove it"
        )
    if len(listed) > 1:
        names = ", ".join(map(str, listed))
        raise ImageRefusedError(
            "several-classes",
            f"a region has the classes {names}, but a pixel has one; choose one of them",
        )
    return class_or_refusal(listed[0])


def _brush(name: str, value: Value, size: Size) -> Drawn:
    counts = value["rle"]
    is_list = isinstance(counts, list) and len(counts) > _HEADER
    if not is_list or not all(map(_is_byte, counts)):
        raise ImageRefusedError(
            "bad-shape",
            f"the brush of {_called(name)} is no list of bytes, or cut short; export it anew",
        )
    wanted = size[0] * size[1] * _CHANNELS
    found = int.from_bytes(bytes(counts[:_HEADER]), "big")
    if found != wanted:
        raise ImageRefusedError(
            "bad-shape",
            f"the brush of {_called(name)} stands for {found} values, but {size[1]} x {size[0]} "
            f"pixels have {wanted}; draw it anew, or remove it",
        )
    return Drawn(name, ({"class": name, "brush": counts},))


def _polygon(name: str, value: Value, size: Size) -> Drawn:
    points = value["points"]
    if not isinstance(points, list) or not all(map(_is_pair, points)):
        raise ImageRefusedError(
            "bad-shape", f"the polygon of {_called(name)} is no list of points; draw it anew"
        )
    if len(points) < 3 or value.get("closed") is False:
        raise ImageRefusedError(
            "bad-shape",
            f"the polygon of {_called(name)} is not finished ({len(points)} points); close it, or "
            "remove it",
        )
    return outline(name, [_place(x, y, size) for x, y in points])


def _ellipse(name: str, value: Value, size: Size) -> Drawn:
    radii = _place(value["radiusX"], value.get("radiusY"), size)
    _check_extent(name, "ellipse", radii)
    middle = _place(value.get("x"), value.get("y"), size)
    return ellipse(name, middle, radii, coordinate(value.get("rotation", 0)))


def _rectangle(name: str, value: Value, size: Size) -> Drawn:
    extent = _place(value.get("width"), value["height"], size)
    _check_extent(name, "rectangle", extent)
    corner = _place(value.get("x"), value.get("y"), size)
    return box(name, corner, extent, coordinate(value.get("rotation", 0)))


def _point(name: str, value: Value, size: Size) -> Drawn:
    return spot(name, _place(value.get("x"), value.get("y"), size))


# In the order in which their keys tell them apart: the others have x and y as well.
_DRAWN: Mapping[str, Callable[[str, Value, Size], Drawn]] = {
    "rle": _brush,
    "points": _polygon,
    "radiusX": _ellipse,
    "height": _rectangle,
    "x": _point,
}


def _place(x: object, y: object, size: Size) -> Point:
    """Return the pixels that percentages of (H, W) mean."""
    height, width = size
    return (coordinate(coordinate(x) * width / 100), coordinate(coordinate(y) * height / 100))


def _check_extent(name: str, shape: str, extent: Sequence[float]) -> None:
    if not min(extent) > 0:
        raise ImageRefusedError(
            "bad-shape", f"the {shape} of {_called(name)} has no area; draw it anew, or remove it"
        )


def _called(name: str) -> str:
    return repr(name) if name else "background"


def _is_byte(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= 255


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2
