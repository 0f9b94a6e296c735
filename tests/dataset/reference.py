"""Readings pixel by pixel of what dataset/ computes with arrays; they share no code with it."""

import math

import numpy as np
from numpy.typing import NDArray


def _overlaps(index: int, low: float, scale: float, length: int) -> dict[int, float]:
    """Return the weight of each input pixel in one output pixel, on one axis.

    The tent of bilinear resampling: one input pixel wide, or one output pixel where that is wider.
    """
    centre = low + (index + 0.5) * scale
    reach = max(scale, 1.0)
    weights = {
        pixel: 1 - abs(pixel + 0.5 - centre) / reach
        for pixel in range(length)
        if abs(pixel + 0.5 - centre) < reach
    }
    total = sum(weights.values())
    return {pixel: weight / total for pixel, weight in weights.items()}


def resized(
    image: NDArray[np.uint8], window: tuple[float, float, float, float], placed: tuple[int, int]
) -> NDArray[np.float64]:
    """Return (h, w, channels) levels of a window (left, top, right, bottom) at size ``placed``."""
    left, top, right, bottom = window
    height, width = placed
    result = np.zeros((height, width, image.shape[2]))
    for row in range(height):
        down = _overlaps(row, top, (bottom - top) / height, image.shape[0])
        for column in range(width):
            across = _overlaps(column, left, (right - left) / width, image.shape[1])
            for y, tall in down.items():
                for x, wide in across.items():
                    result[row, column] += tall * wide * image[y, x]
    return result


def nearest(
    mask: NDArray[np.uint8], window: tuple[float, float, float, float], placed: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return (h, w) ids: each pixel's is the one under its centre."""
    left, top, right, bottom = window
    height, width = placed
    result = np.zeros(placed, np.uint8)
    for row in range(height):
        for column in range(width):
            y = math.floor(top + (row + 0.5) / height * (bottom - top))
            x = math.floor(left + (column + 0.5) / width * (right - left))
            result[row, column] = mask[y, x]
    return result


def enlarged(values: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return (H, W) values read between the pixel centres of (h, w) values."""
    height, width = values.shape
    result = np.zeros(size)
    for row in range(size[0]):
        y = min(max((row + 0.5) * height / size[0] - 0.5, 0), height - 1)
        for column in range(size[1]):
            x = min(max((column + 0.5) * width / size[1] - 0.5, 0), width - 1)
            above, before = math.floor(y), math.floor(x)
            below, after = min(above + 1, height - 1), min(before + 1, width - 1)
            down, across = y - above, x - before
            upper = (1 - across) * values[above, before] + across * values[above, after]
            lower = (1 - across) * values[below, before] + across * values[below, after]
            result[row, column] = (1 - down) * upper + down * lower
    return result
