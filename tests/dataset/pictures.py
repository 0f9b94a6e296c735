"""Small picture files for the tests of the data sets."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.mask_content import index_mask
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList


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
    photograph = save(folder / f"{name}.png", image)
    source = None
    if mask is not None:
        content = index_mask(save(folder / f"{name}_mask.png", mask))
        source = MaskSource(content, photograph, ClassList(("cat",)))
    return Record(name, photograph, tags, source)
