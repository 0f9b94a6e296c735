"""Small data sets of YOLO for the tests."""

from collections.abc import Mapping
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.source import Said
from decouplednet.annotations.formats.yolo import YoloSource, detect
from decouplednet.classes import ClassList
from tests.annotations.formats import coco_sets

YAML = "path: /elsewhere/x\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  2: dog\n"
ORDER = ClassList(("cat", "dog"))


def data_set(root: Path, labels: Mapping[str, str], yaml: str | None = YAML) -> Path:
    """Write labels, each with its image, and data.yaml."""
    for name, text in labels.items():
        coco_sets.pictures(root / "images", f"{name}.png")
        path = root / "labels" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if yaml is not None:
        (root / "data.yaml").write_text(yaml)
    return root


def source_of(root: Path) -> YoloSource:
    """Return the data set of a folder."""
    source = detect(root)
    assert source is not None
    return source


def read(root: Path) -> tuple[dict[str, Said], list[tuple[str, str]]]:
    """Return what is said of each image, and code and message of each fault."""
    source = source_of(root)
    found = [one for file in source.annotation_files() for one in source.read(file)]
    told = [(one.code, one.message) for one in found if isinstance(one, Finding)]
    return {one.image: one for one in found if isinstance(one, Said)}, told
