"""Small data sets for the tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = (5, 7)


def image(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """Write a picture of (H, W) pixels and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], (10, 20, 30)).save(path)
    return path


def mask(path: Path, ids: Sequence[int] = (0,), size: tuple[int, int] = SIZE) -> Path:
    """Write a greyscale mask whose rows hold the ids in turn, repeated along each row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(striped(ids, size)).save(path)
    return path


def striped(ids: Sequence[int], size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return (H, W) ids; row r holds ``ids[r % len(ids)]``."""
    rows = [ids[row % len(ids)] for row in range(size[0])]
    return np.repeat(np.array(rows, dtype=np.uint8)[:, None], size[1], axis=1)


def native(
    root: Path,
    *,
    classes: Sequence[str] = ("cat", "dog"),
    tags: Mapping[str, str] | None = None,
    masks: Mapping[str, Sequence[int]] | None = None,
    splits: Mapping[str, Sequence[str]] | None = None,
    images: Sequence[str] = (),
) -> Path:
    """Write a data set in the native layout; every name that is mentioned gets an image.

    Args:
        root: where to.
        classes: the lines of classes.txt.
        tags: image to the cell of its row.
        masks: image to the ids of its mask's rows.
        splits: split to its lines.
        images: further images without any annotation.
    """
    for name in sorted({*(tags or {}), *(masks or {}), *images}):
        image(root / "images" / f"{name}.png")
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    if tags is not None:
        rows = "".join(f"{name},{cell}\n" for name, cell in tags.items())
        (root / "tags.csv").write_text(f"image,tags\n{rows}")
    for name, ids in (masks or {}).items():
        mask(root / "masks" / f"{name}.png", ids)
    for name, lines in (splits or {}).items():
        (root / "splits").mkdir(exist_ok=True)
        (root / "splits" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    return root
