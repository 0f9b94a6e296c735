"""A data set of noise with masks, whose classes are not quite the model's."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DATA_CLASSES = ("dog", "bird", "cat")
"""Ids 1, 2 and 3; the small segmenter has cat, cow and dog, ids 1, 2 and 3."""

SIZES: Mapping[str, tuple[int, int]] = {
    "a": (37, 53),
    "sub/b": (90, 41),
    "c": (11, 7),
    "d": (20, 30),
}


def draw(size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def masks() -> dict[str, NDArray[np.uint8]]:
    """Return masks by name; image d has none."""
    made = {name: np.zeros(SIZES[name], np.uint8) for name in ("a", "sub/b", "c")}
    made["a"][5:30, 10:40] = 1
    made["a"][20:22, :9] = 3
    made["a"][:3] = 255
    made["sub/b"][40:80, 3:30] = 2
    made["sub/b"][:2, :2] = 1
    made["c"][:, 4:] = 3
    return made


def write_data(root: Path, tags: Mapping[str, str] | None = None) -> Path:
    """Write the data set in the native layout, with the splits ``val`` and ``bare``."""
    for place, (name, size) in enumerate(SIZES.items()):
        file = root / "images" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(size, place)).save(file)
    for name, mask in masks().items():
        file = root / "masks" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(file)
    (root / "classes.txt").write_text("\n".join(DATA_CLASSES) + "\n")
    (root / "splits").mkdir()
    (root / "splits/val.txt").write_text("\n".join(SIZES) + "\n")
    (root / "splits/bare.txt").write_text("d\n")
    rows = "".join(f"{name},{cell}\n" for name, cell in (tags or {}).items())
    if rows:
        (root / "tags.csv").write_text(f"image,tags\n{rows}")
    return root
