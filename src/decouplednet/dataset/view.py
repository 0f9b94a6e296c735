"""Views: which window of an image is seen, how large, and whether mirrored.

Image and mask of one view are resampled by the same geometry: output pixel (row, column) has its
centre at (row + 0.5, column + 0.5), and so has every input pixel.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Box(NamedTuple):
    """A window in image pixels, half-open: the whole of an (H, W) image is (0, 0, W, H)."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class View:
    """One geometric step from an image to the content of a frame.

    Attributes:
        window: part of the image that is seen, inside the image.
        placed: (h, w) of the content it becomes, in pixels, each at least 1.
        mirrored: whether the content is mirrored left to right.
    """

    window: Box
    placed: tuple[int, int]
    mirrored: bool = False


def whole(size: tuple[int, int]) -> Box:
    """Return the window that is the whole of an image of ``size`` (H, W)."""
    height, width = size
    return Box(0.0, 0.0, float(width), float(height))


def placed_size(height: float, width: float, *, long_side: int) -> tuple[int, int]:
    """Return the (h, w) of a window scaled, aspect kept, so that its long side is ``long_side``.

    Args:
        height: of the window, in image pixels.
        width: of the window, in image pixels.
        long_side: of the content, in pixels; the other side is rounded and at least 1.

    >>> placed_size(50, 200, long_side=64)
    (16, 64)
    """
    scale = long_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def cut_image(image: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Return the content of a view: bilinear, averaging over the covered pixels when shrinking.

    Args:
        image: (H, W, 3).
        view: window inside the image, and the size of its content (h, w).

    Returns:
        (h, w, 3) uint8.
    """
    height, width = view.placed
    content = Image.fromarray(image).resize(
        (width, height), Image.Resampling.BILINEAR, box=view.window
    )
    pixels = np.asarray(content)
    return pixels[:, ::-1] if view.mirrored else pixels


def cut_mask(mask: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Return the mask of a view: each pixel takes the id that lies under its centre.

    Args:
        mask: (H, W) of the same size as the image of the view.
        view: window inside the mask, and the size of its content (h, w).

    Returns:
        (h, w) uint8; only ids that ``mask`` holds.
    """
    height, width = view.placed
    left, top, right, bottom = view.window
    rows = _under_centres(top, bottom, height, mask.shape[0])
    columns = _under_centres(left, right, width, mask.shape[1])
    if view.mirrored:
        columns = columns[::-1]
    return mask[rows[:, None], columns]


def _under_centres(low: float, high: float, count: int, length: int) -> NDArray[np.intp]:
    """Return the ``count`` pixels under the centres of equal parts of low to high."""
    centres = low + (np.arange(count) + 0.5) * ((high - low) / count)
    under: NDArray[np.intp] = np.clip(np.floor(centres).astype(np.intp), 0, length - 1)
    return under
