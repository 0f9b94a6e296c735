from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.formats import coco
from decouplednet.classes import ClassList
from tests.annotations.formats.coco_reading import (
    by_image,
    drawn,
    faults,
    one_image,
    source_of,
)
from tests.annotations.formats.coco_sets import SIZE, image, instances, of, square

BOX = (2, 3, 4, 5)
BROKEN = [
    square(1, 1, BOX),
    square(2, 1, BOX, segmentation=[[1, 2, 3]]),
    square(3, 1, BOX, segmentation={"size": list(SIZE), "counts": None}),
    square(4, 1, BOX, segmentation="none"),
    square(5, 1, BOX, segmentation=None, bbox=[1, 2]),
    square(6, 7, BOX),
    square(7, 1, BOX, id=None),
    {"category_id": 1},
    square(99, 1, BOX),
]
TOLD = [
    ("bad-annotation", "an annotation names no image: {'category_id': 1}"),
    (
        "annotation-without-image",
        "has 1 annotation of images that the file does not list, the first of image_id 99; "
        "export it anew",
    ),
    (
        "bad-shape",
        "image '2.jpg', annotation 201: a polygon is a list of x, y, x, y, ...; found "
        "[1, 2, 3]; the image has no mask",
    ),
    (
        "bad-shape",
        "image '3.jpg', annotation 301: the run lengths need \"size\", [height, width], and "
        "\"counts\", a list or a text; found {'counts': None, 'size': [37, 53]}; the image has "
        "no mask",
    ),
    (
        "bad-shape",
        "image '4.jpg', annotation 401: the segmentation is neither polygons nor run lengths: "
        "'none'; the image has no mask",
    ),
    (
        "bad-shape",
        "image '5.jpg', annotation 501: the \"bbox\" is no [left, top, width, height]; found "
        "[1, 2]; the image has no mask",
    ),
    (
        "unknown-class-id",
        "image '6.jpg', annotation 607 is of an id that is not among the \"categories\"; its "
        "pixels are ignored",
    ),
]


def test_faults_of_annotations_are_told_and_hide_no_other_image(tmp_path: Path) -> None:
    file = tmp_path / "annotations" / "instances_train.json"
    images = [image(number, f"{number}.jpg") for number in range(1, 8)]
    instances(file, images, BROKEN)

    found = by_image(tmp_path)

    assert [name for name, one in found.items() if one.mask is not None] == [
        "1.jpg", "6.jpg", "7.jpg"
    ]  # fmt: skip
    assert [one.tags for one in found.values()] == [{"cat"}] * 5 + [frozenset(), {"cat"}]
    assert np.unique(drawn(found["6.jpg"])).tolist() == [0, 255]
    assert faults(tmp_path) == TOLD


def test_faults_of_images_are_told(tmp_path: Path) -> None:
    file = tmp_path / "annotations" / "instances_train.json"
    images: list[Any] = [
        image(1, "a.jpg"),
        image(1, "b.jpg"),
        {"id": 3},
        image(4, ".."),
        image(5, "huge.jpg", height=10**9),
        "image",
    ]
    instances(file, images, [square(1, 1, (2, 3, 4, 5)), square(5, 3, (2, 3, 4, 5))])

    found = by_image(tmp_path)

    assert list(found) == ["a.jpg", "huge.jpg"]
    assert found["huge.jpg"].mask is None
    assert found["huge.jpg"].tags == of("dog")
    assert faults(tmp_path) == [
        (
            "duplicate-image-id",
            "two images have the id 1, the second 'b.jpg'; give each its own",
        ),
        ("bad-image-entry", "an image has no id or no file_name: {'id': 3}"),
        (
            "bad-image-entry",
            "an image has no id or no file_name: {'file_name': '..', 'height': 37, 'id': 4, "
            "'width': 53}",
        ),
        (
            "bad-image-size",
            f"image 'huge.jpg': 53 x 1000000000 pixels are more than {Image.MAX_IMAGE_PIXELS}; the "
            "image has no mask",
        ),
        ("bad-image-entry", "an image has no id or no file_name: 'image'"),
    ]


def test_shapes_of_an_image_that_are_longer_than_any_are_no_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco, "LONGEST", 150)
    one_image(tmp_path, *(square(1, 1, (2, 3, 4, 5), id=number) for number in range(5)))

    assert by_image(tmp_path)["a.jpg"].mask is None
    assert faults(tmp_path) == [
        (
            "mask-too-large",
            "image 'a.jpg': its shapes have more than 150 characters; the image has no mask",
        )
    ]


def test_a_name_that_no_class_can_have_is_told_and_ignored(tmp_path: Path) -> None:
    file = tmp_path / "annotations" / "instances_train.json"
    classes: Any = ({"id": 1, "name": "cat;dog"}, {"id": 2, "name": "cow"}, {"id": 4}, "x")
    boxes = square(1, 1, (4, 4, 9, 9)), square(1, 2, (20, 4, 5, 5))
    instances(file, [image(1, "a.jpg")], boxes, classes)

    found = by_image(tmp_path)["a.jpg"]
    declared = source_of(tmp_path).declare()

    assert found.tags == of("cow")
    assert drawn(found, ("cow",))[5, [5, 21]].tolist() == [255, 1]
    assert declared.classes == ClassList(("cow",))
    assert [one.code for one in declared.findings] == ["bad-class-name"] * 2


def test_hostile_texts_are_no_traceback(tmp_path: Path) -> None:
    half = "\ud800"
    classes = ({"id": half, "name": half}, {"id": 1, "name": "cat"})
    annotation = {**square(1, 1, (2, 3, 4, 5)), "image_id": half, "id": half}
    instances(
        tmp_path / "annotations" / "instances_train.json",
        [image(1, f"{half}.jpg", id=half)],
        [annotation, square(1, 1, (2, 3, 4, 5), area=10**400, bbox=[0, 0, 10**400, 1])],
        classes,
    )

    assert [(name, one.tags) for name, one in by_image(tmp_path).items()] == [("?.jpg", of("cat"))]
