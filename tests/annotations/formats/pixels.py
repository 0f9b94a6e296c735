"""Masks of shapes, drawn pixel by pixel: a pixel is in an outline if its middle is (even-odd)."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.mask_content import Content, Kind

Names = NDArray[np.object_]

IGNORED = "ignored"


def drawn(content: Content | None, size: tuple[int, int]) -> Names:
    """Return the (H, W) names of what shapes draw, `""` for background."""
    assert content is not None
    assert content.kind == Kind.SHAPES
    details = content.details()
    assert details["size"] is None or tuple(details["size"]) == size
    names = np.full(size, IGNORED if details["rest"] == 255 else "", dtype=object)
    for part in details["parts"]:
        name = IGNORED if part["class"] is None else part["class"]
        for row in range(size[0]):
            for column in range(size[1]):
                if covers(part, row, column):
                    names[row, column] = name
    return names


def covers(part: dict[str, Any], row: int, column: int) -> bool:
    """Tell whether a part covers a pixel; a box covers its whole area here."""
    if "polygons" in part:
        return any(inside(ring, column + 0.5, row + 0.5) for ring in part["polygons"])
    if "box" in part:
        left, top, width, height = part["box"]
        return bool(left <= column + 0.5 < left + width and top <= row + 0.5 < top + height)
    if "png" in part:
        left, top, picture = part["png"]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))
        row, column = row - top, column - left
        height, width = pixels.shape
        return 0 <= row < height and 0 <= column < width and bool(pixels[row, column])
    raise AssertionError(part)


def inside(ring: list[float], x: float, y: float) -> bool:
    """Tell whether a ray from a point to the right crosses a polygon an odd number of times."""
    corners = list(zip(ring[::2], ring[1::2], strict=True))
    crossings = 0
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossings += 1
    return crossings % 2 == 1
