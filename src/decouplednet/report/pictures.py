"""Small pictures for the page, each a ``data:`` address: photographs, label maps, maps."""

import base64
import io

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from decouplednet.classes import BACKGROUND, IGNORE, colour_of, palette

LONG_SIDE = 240
_NUMBER = LONG_SIDE / 9  # size of the numbers in label maps, in pixels
# Even brightness steps, readable by colour-blind people and in grey.
_COLOURS = "viridis"


def photograph(image: NDArray[np.uint8], *, long_side: int = LONG_SIDE) -> str:
    """Return an (H, W, 3) RGB image as a JPEG whose long side is at most ``long_side``."""
    picture = Image.fromarray(image)
    if max(picture.size) > long_side:
        picture = _resized(picture, long_side, Image.Resampling.BILINEAR)
    return _address(picture, "jpeg")


def label_map_picture(label_map: NDArray[np.uint8]) -> str:
    """Return a label map in the colours of its classes, the index of each class written into it.

    The number stands on the pixel of the class that is farthest from its border, so that classes
    are told apart without colour.

    Args:
        label_map: (H, W) class indices; background becomes black, 255 white.
    """
    picture = Image.fromarray(label_map)
    picture.putpalette(palette())
    picture = _resized(picture, LONG_SIDE, Image.Resampling.NEAREST)
    small = np.asarray(picture)
    coloured = picture.convert("RGB")
    pen = ImageDraw.Draw(coloured)
    font = ImageFont.load_default(size=_NUMBER)
    for index in np.unique(small).tolist():
        if index not in (BACKGROUND, IGNORE):
            row, column = _inside(deepest_pixel(small == index), small.shape)
            black = reads_black(colour_of(index))
            pen.text(
                (column, row),
                str(index),
                fill="black" if black else "white",
                stroke_width=2,
                stroke_fill="white" if black else "black",
                font=font,
                anchor="mm",
            )
    return _address(coloured, "png")


def map_picture(values: NDArray[np.floating], *, highest: float, long_side: int = LONG_SIDE) -> str:
    """Return a map as colours from dark (0) to bright (``highest``).

    Args:
        values: (H, W), at least 0; what lies above ``highest`` is as bright as it.
        highest: value of the brightest colour; a map of zeros may have 0 here.
        long_side: of the picture, in pixels; a smaller map is enlarged in whole squares.
    """
    share = values / highest if highest > 0 else np.zeros_like(values)
    coloured = matplotlib.colormaps[_COLOURS](np.clip(share, 0, 1), bytes=True)[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(coloured))
    grows = long_side > max(picture.size)
    method = Image.Resampling.NEAREST if grows else Image.Resampling.BILINEAR
    # Few colours: a palette makes the file a quarter of the size.
    return _address(_resized(picture, long_side, method).quantize(64), "png")


def deepest_pixel(region: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the (row, column) of a region's pixel that is farthest from its border.

    Distance counts steps to the four neighbours; beyond the picture is outside the region. Of
    equals the first in reading order is taken.

    Args:
        region: (H, W), True somewhere.

    >>> deepest_pixel(np.ones((5, 5), bool))
    (2, 2)
    """
    inner = region
    while inner.any():
        deepest = inner
        framed = np.pad(inner, 1)
        inner = inner & framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    row, column = np.argwhere(deepest)[0].tolist()
    return row, column


def reads_black(colour: tuple[int, int, int]) -> bool:
    """Return whether black text stands out more than white text on a colour.

    Source: relative luminance and contrast ratio of WCAG 2.2.
    """
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (channel / 255 for channel in colour)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05)


def _inside(place: tuple[int, int], size: tuple[int, ...]) -> tuple[float, float]:
    """Return a (row, column) moved so far inwards that a number on it is not cut off."""
    row, column = (
        min(max(position, _NUMBER / 2), length - _NUMBER / 2)
        for position, length in zip(place, size, strict=True)
    )
    return row, column


def _resized(picture: Image.Image, side: int, method: Image.Resampling) -> Image.Image:
    """Return a picture whose long side is ``side``, its aspect ratio kept."""
    scale = side / max(picture.size)
    width, height = picture.size
    return picture.resize((max(1, round(width * scale)), max(1, round(height * scale))), method)


def _address(picture: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, optimize=True, quality=82)  # PNG takes no notice of quality
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()
