"""A small data set of coloured shapes in the native layout, made by code for the tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from decouplednet.annotations.masks import write_mask

NAMES = ("disc", "bar", "frame")
COLOURS = ((230, 60, 50), (60, 200, 80), (70, 90, 230))


def write_shapes(
    root: Path, *, images: int = 12, masks: int = 8, size: tuple[int, int] = (60, 76), seed: int = 0
) -> Path:
    """Write ``images`` pictures of one or two shapes; the first ``masks`` of them have a mask."""
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "splits").mkdir()
    (root / "classes.txt").write_text("\n".join(NAMES) + "\n")
    rows = ["image,tags"]
    names = [f"picture_{number:02d}" for number in range(images)]
    for number, name in enumerate(names):
        picture, mask, tags = _draw(rng, size, number)
        Image.fromarray(picture).save(root / "images" / f"{name}.png")
        rows.append(f"{name}.png,{';'.join(tags)}")
        if number < masks:
            write_mask(root / "masks" / f"{name}.png", mask)
    (root / "tags.csv").write_text("\n".join(rows) + "\n")
    cut = max(1, masks - 2)
    for split, members in {
        "tags": names[:cut] + names[masks:],
        "strong": names[:cut],
        "val": names[cut:masks],
    }.items():
        (root / "splits" / f"{split}.txt").write_text("\n".join(members) + "\n")
    return root


def _draw(
    rng: np.random.Generator, size: tuple[int, int], number: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    height, width = size
    picture = rng.integers(90, 160, (height, width, 3)).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    chosen = [number % 3] if number % 2 else sorted({number % 3, (number + 1) % 3})
    for index in chosen:
        row, column = rng.integers(15, height - 15), rng.integers(15, width - 15)
        reach = rng.integers(8, 14)
        far = np.maximum(abs(rows - row), abs(columns - column))
        inside = (
            (rows - row) ** 2 + (columns - column) ** 2 < reach**2,
            (abs(rows - row) < 4) & (abs(columns - column) < reach),
            (far < reach) & (far > reach - 5),
        )[index]
        picture[inside] = COLOURS[index]
        mask[inside] = index + 1
    present = [NAMES[i - 1] for i in np.unique(mask) if i]
    return picture, mask, present
