"""A data set whose tags are not all right, and a model that finds two of its classes everywhere."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.inference.small import write_tiny_model

SIZES = ((37, 53), (90, 41), (20, 64), (11, 7))
CLASSES = ("dog", "bird", "cat")
PROBABILITY = {"cat": 0.9, "cow": 0.6, "dog": 0.05}


def write_tagged(root: Path, *, images: int = 14, masks: int = 0) -> Path:
    """Write pictures of noise, dark ones with a dog and bright ones with a cat, but for the first.

    The first image is dark and tagged with a cat. The first masks show what is there.
    """
    rng = np.random.default_rng(0)
    (root / "images" / "sub").mkdir(parents=True)
    (root / "splits").mkdir()
    rows = ["image,tags"]
    names = [f"sub/{number:02d}" for number in range(images)]
    for number, name in enumerate(names):
        size = SIZES[number % len(SIZES)]
        bright = number % 2 == 1
        picture = rng.integers(0, 90, (*size, 3)) + 150 * bright
        Image.fromarray(picture.astype(np.uint8)).save(root / "images" / f"{name}.png")
        tag = "cat" if bright or number == 0 else "dog"
        rows.append(f"{name}.png,{tag}")
        if number < masks:
            mask = np.zeros(size, np.uint8)
            mask[2:7, 1:5] = CLASSES.index("cat" if bright else "dog") + 1
            (root / "masks" / "sub").mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(root / "masks" / f"{name}.png")
    (root / "tags.csv").write_text("\n".join(rows) + "\n")
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    (root / "splits" / "some.txt").write_text("\n".join(names[:3]) + "\n")
    return root


def write_model(folder: Path) -> Path:
    """Write a run whose gate says cat and cow of every image, and not dog."""
    return write_tiny_model(folder, PROBABILITY, others="ignore")
