"""CVAT's XML, read by a loop over its runs."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.annotations.masks import read_mask
from decouplednet.annotations.writers.cvat import cvat_labels, cvat_parts
from decouplednet.annotations.writers.labels import labels_of
from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations.writers.areas import CLASSES, filled, pre_label, three

# The mask in the example of docs.cvat.ai, "XML annotation format".
OF_THE_DOCUMENTATION = {
    "rle": "3, 5, 7, 7, 5, 9, 3, 11, 2, 11, 2, 12, 1, 12, 1, 26, 1, 12, 1, 12, 2, 11, 3, 9, 5, 7, "
    "7, 5, 3",
    "left": "707",
    "top": "888",
    "width": "13",
    "height": "15",
}


def written(
    those: list[PreLabel], *, unsure: bool = False, polygons: bool = False
) -> ElementTree.Element:
    labels = labels_of(CLASSES, unsure=unsure)
    parts = cvat_parts(those, labels, CLASSES, made_by="<m> & co", polygons=polygons)
    return ElementTree.fromstring(b"".join(parts))  # noqa: S314 - our own


def area_of(mask: dict[str, str], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of a mask element, run by run."""
    left, top, width = (int(mask[name]) for name in ("left", "top", "width"))
    area = np.zeros(size, bool)
    place, value = 0, False
    for run in mask["rle"].split(","):
        for _ in range(int(run)):
            area[top + place // width, left + place % width] = value
            place += 1
        value = not value
    assert place == width * int(mask["height"])
    return area


def test_the_mask_of_cvats_documentation_is_written_as_it_is_there(tmp_path: Path) -> None:
    area = area_of(OF_THE_DOCUMENTATION, (1200, 1600))
    one = pre_label(tmp_path, "car", area.astype(np.uint8))

    (mask,) = written([one]).iter("mask")

    assert {name: mask.get(name) for name in OF_THE_DOCUMENTATION} == OF_THE_DOCUMENTATION


def test_masks_come_back_as_the_pixels_of_each_class(tmp_path: Path) -> None:
    those = three(tmp_path)
    images = written(those).findall("image")

    assert [dict(image.attrib) for image in images] == [
        {"id": "1", "name": "a.png", "width": "53", "height": "37"},
        {"id": "2", "name": "sub/b & 'c'.png", "width": "8", "height": "21"},
        {"id": "6", "name": "d.jpg", "width": "6", "height": "4"},
    ]
    for one, image in zip(those, images, strict=True):
        read = np.zeros(one.size, np.uint8)
        for mask in image.findall("mask"):
            assert (mask.get("source"), mask.get("occluded"), mask.get("z_order")) == (
                "auto",
                "0",
                "0",
            )
            read[area_of(dict(mask.attrib), one.size)] = CLASSES.index(str(mask.get("label")))
        expected = read_mask(one.mask)
        expected[expected == 255] = 0
        np.testing.assert_array_equal(read, expected)


def test_polygons_fill_the_pixels_of_each_class(tmp_path: Path) -> None:
    (one,) = three(tmp_path)[1:2]
    (image,) = written([one], polygons=True).findall("image")
    assert not image.findall("mask")
    read = np.zeros(one.size, np.uint8)
    for polygon in image.findall("polygon"):
        points = [
            (float(x), float(y))
            for x, y in (point.split(",") for point in str(polygon.get("points")).split(";"))
        ]
        read[filled(points, one.size)] = CLASSES.index(str(polygon.get("label")))

    np.testing.assert_array_equal(read, read_mask(one.mask))


def test_the_head_names_the_labels_of_the_task(tmp_path: Path) -> None:
    root = written(three(tmp_path), unsure=True)

    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/name") == "pre-labels of <m> & co"
    assert root.findtext("meta/task/size") == "3"
    assert [label.findtext("name") for label in root.iter("label")] == [*CLASSES, "unsure"]
    opened = [mask for mask in root.iter("mask") if mask.get("label") == "unsure"]
    assert [area_of(dict(mask.attrib), (37, 53)).sum() for mask in opened] == [6 * 16]


def test_labels_are_what_the_raw_editor_takes() -> None:
    content = json.loads(cvat_labels(labels_of(CLASSES, unsure=True)))

    assert [label["name"] for label in content] == [*CLASSES, "unsure"]
    assert content[0] == {"name": "cat", "color": "#e69f00", "type": "any", "attributes": []}
    assert content[-1]["color"] == "#e0e0c0"


def test_a_name_that_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    one = replace(pre_label(tmp_path, "a", np.zeros((2, 3), np.uint8)), listed="a\x01.png")

    with pytest.raises(
        DataError,
        match=r"images/a\.png: the name has a control character, which XML cannot hold; rename it$",
    ):
        written([one])


def test_a_class_called_as_the_label_of_open_pixels_is_refused() -> None:
    classes = ClassList(("cat", "unsure"))

    assert len(labels_of(classes, unsure=False)) == 2
    with pytest.raises(
        DataError,
        match=r"^the class 'unsure' has the name that open pixels get; leave them out with "
        r"--unsure drop, or rename the class$",
    ):
        labels_of(classes, unsure=True)
