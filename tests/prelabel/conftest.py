"""A data set that is tagged, and a model that knows most of its classes."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import decouplednet as dn
from decouplednet.prelabel.job import Prelabels
from tests.inference.small import write_tiny_model

Write = Callable[..., Prelabels]

PROBABILITY = {"cat": 0.97, "cow": 0.6, "dog": 0.01, "ant": 0.98}
"""Of each class of the model, in its order, for every image; the data set has no ant."""

CLASSES = ("dog", "cat", "zebra", "cow")
ROWS = {"a.png": "dog", "sub/b.jpg": "cow;cat", "c.png": "", "d.png": "zebra;cow", "e.png": "cat"}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("run"), PROBABILITY, others="ignore")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five tagged images of different sizes, one with a mask, and one that nobody tagged."""
    return write_data(tmp_path / "data")


def write_data(root: Path) -> Path:
    (root / "images/sub").mkdir(parents=True)
    (root / "masks").mkdir()
    (root / "splits").mkdir()
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    for number, name in enumerate([*ROWS, "f.png"]):
        size = (37 + number, 53 - number, 3)
        pixels = np.random.default_rng(number).integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / name)
    rows = "".join(f"{name},{tags}\n" for name, tags in ROWS.items())
    (root / "tags.csv").write_text(f"image,tags\n{rows}")
    Image.fromarray(np.full((41, 49), 1, np.uint8)).save(root / "masks/e.png")
    (root / "splits/some.txt").write_text("sub/b\na\n")
    return root


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def rows(out: Path, table: str = "prelabels.csv") -> list[dict[str, str]]:
    with (out / table).open(newline="") as file:
        return [*csv.DictReader(file)]


@pytest.fixture
def write(model: Path, data: Path, tmp_path: Path) -> Write:
    """What pre-labels ``data`` into ``out``."""

    def call(**options: Any) -> Prelabels:
        usual: dict[str, Any] = {"out": tmp_path / "out", "precision": "32"}
        return dn.write_prelabels(model, data, **usual | options)

    return call
