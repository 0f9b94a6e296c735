"""What lies behind the objects of a scene: parts of photographs, and textures drawn by rule."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

PHOTOGRAPH_SHARE = 0.65
SMALLEST_PART = 0.25  # side of the part taken, as share of the photograph's short side
LARGEST_STRIPES = 10.0  # stripes across the image
LARGEST_GRAIN = 8.0  # standard deviation, grey levels of 255


def draw_background(
    photographs: Sequence[Image.Image], *, side: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a random background.

    Args:
        photographs: RGB pictures of any size.
        side: side of the square wanted, in pixels.
        rng: makes every choice.

    Returns:
        (side, side, 3) red, green and blue in [0, 255].
    """
    if rng.random() < PHOTOGRAPH_SHARE:
        picture = _part_of(photographs[int(rng.integers(len(photographs)))], side, rng)
    elif rng.random() < 0.5:
        picture = _clouds(side, rng)
    else:
        picture = _stripes(side, rng)
    gain = rng.uniform(0.75, 1.1, size=3) * rng.uniform(0.8, 1.1)
    grain = rng.standard_normal((side, side, 1), dtype=np.float32) * rng.uniform(0, LARGEST_GRAIN)
    return np.asarray(np.clip(picture * gain + grain, 0, 255), np.float32)


def _part_of(photograph: Image.Image, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a random square of a photograph, mirrored half of the time."""
    short = min(photograph.size)
    part = rng.uniform(SMALLEST_PART, 1.0) * short
    left, top = rng.uniform(0, np.array(photograph.size) - part)
    box = (left, top, left + part, top + part)
    seen = photograph.resize((side, side), Image.Resampling.BILINEAR, box, reducing_gap=2.0)
    return np.asarray(ImageOps.mirror(seen) if rng.random() < 0.5 else seen, np.float32)


def _clouds(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return blurred patches of random colours."""
    cells = int(rng.integers(2, 13))
    patches = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
    return np.asarray(patches.resize((side, side), Image.Resampling.BICUBIC), np.float32)


def _stripes(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return soft waves, or a weave of two, between two random colours."""
    wave = np.ones((side, side))
    rows, columns = np.mgrid[0:side, 0:side] / side
    for _ in range(int(rng.integers(1, 3))):
        direction = rng.uniform(0, np.pi)
        across = np.cos(direction) * rows + np.sin(direction) * columns
        stripes = rng.uniform(1, LARGEST_STRIPES)
        phase = rng.uniform(0, 2 * np.pi)
        wave = wave * (0.5 + 0.5 * np.sin(2 * np.pi * stripes * across + phase))
    first, second = rng.uniform(0, 255, (2, 3))
    return np.asarray(first + (second - first) * wave[..., None], np.float32)
