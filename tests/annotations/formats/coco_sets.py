"""Small data sets in COCO's form for the tests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.annotations import folders

SIZE = (37, 53)
"""(H, W) of the images."""

CLASSES = ({"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}, {"id": 90, "name": "cow"})
"""With holes between the ids, and not in their order."""


def image(number: int, name: str, **changed: Any) -> dict[str, Any]:
    """Return the entry of an image."""
    return {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1], **changed}


def square(image_id: int, class_id: int, box: Sequence[int], **changed: Any) -> dict[str, Any]:
    """Return the annotation of a rectangle [left, top, width, height], outlined by a polygon."""
    left, top, width, height = box
    right, bottom = left + width, top + height
    polygon = [left, top, right, top, right, bottom, left, bottom]
    return {
        "id": 100 * image_id + class_id,
        "image_id": image_id,
        "category_id": class_id,
        "iscrowd": 0,
        "area": width * height,
        "bbox": list(box),
        "segmentation": [polygon],
        **changed,
    }


def write(path: Path, **content: Any) -> Path:
    """Write a JSON file with these keys, in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def instances(
    path: Path,
    images: Sequence[Mapping[str, Any]],
    annotations: Sequence[Mapping[str, Any]],
    classes: Sequence[Mapping[str, Any]] = CLASSES,
) -> Path:
    """Write an annotation file in the order of COCO's own."""
    return write(path, info={}, images=images, annotations=annotations, categories=classes)


def pictures(root: Path, *names: str) -> None:
    """Write images of the size that `image` says."""
    for name in names:
        folders.image(root / name, SIZE)


def of(*names: str) -> frozenset[str]:
    """Return names as tags."""
    return frozenset(names)
