"""Small picture files for the tests of the data sets."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.catalogue import Record


def save(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Write pixels as a PNG, which keeps them exactly."""
    Image.fromarray(pixels).save(path)
    return path


def noise(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return (H, W, 3) random levels."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def record(
    folder: Path,
    name: str,
    image: NDArray[np.uint8],
    *,
    tags: frozenset[str] | None = None,
    mask: NDArray[np.uint8] | None = None,
) -> Record:
    """Write an image, and its mask if there is one, and return their record."""
    return Record(
        name=name,
        image=save(folder / f"{name}.png", image),
        tags=tags,
        mask=None if mask is None else save(folder / f"{name}_mask.png", mask),
    )
