"""What the reader of COCO's form says of small data sets, for the tests."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.coco import CocoSource, detect
from decouplednet.annotations.formats.source import Said
from decouplednet.annotations.mask_content import Kind
from decouplednet.annotations.mask_kinds import shapes
from decouplednet.classes import ClassList
from tests.annotations.formats.coco_sets import image, instances

ORDER = ("cat", "dog", "cow")
"""The classes of `coco_sets.CLASSES` by their ids."""

FILE = "annotations/instances_train.json"


def source_of(root: Path) -> CocoSource:
    """Return the data set of a folder."""
    source = detect(root)
    assert source is not None
    return source


def read(root: Path, file: str = FILE) -> list[Said | Finding]:
    """Return all that a file says."""
    return list(source_of(root).read(root / file))


def by_image(root: Path, file: str = FILE) -> dict[str, Said]:
    """Return what a file says of each image."""
    return {one.image: one for one in read(root, file) if isinstance(one, Said)}


def faults(root: Path, file: str = FILE) -> list[tuple[str, str]]:
    """Return code and message of each fault of a file."""
    found = [one for one in read(root, file) if isinstance(one, Finding)]
    assert {one.file for one in found} <= {str(root / file)}
    return [(one.code, one.message) for one in found]


def drawn(said: Said, classes: tuple[str, ...] = ORDER) -> NDArray[np.uint8]:
    """Return the mask of an image whose file says its size."""
    assert said.mask is not None
    assert said.mask.kind == Kind.SHAPES
    return shapes.read(said.mask, Path("a.jpg"), ClassList(classes))


def one_image(root: Path, *annotations: dict[str, Any], **changed: Any) -> Path:
    """Write a data set of one image; further fields of its entry may be given."""
    return instances(root / FILE, [image(1, "a.jpg", **changed)], annotations)
