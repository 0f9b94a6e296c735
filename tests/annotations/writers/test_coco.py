"""COCO's instances, read by a loop and by pycocotools."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.annotations.masks import read_mask
from decouplednet.annotations.writers.coco import coco_parts, compressed
from decouplednet.annotations.writers.labels import labels_of
from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.annotations.writers.runs import run_lengths
from tests.annotations.writers.areas import CLASSES, RING, blobs, flood, noise, pre_label, three

NEEDED = "pycocotools is not installed: pip install 'decouplednet[formats]'"


def written(those: list[PreLabel], *, unsure: bool = False, polygons: bool = False) -> Any:
    labels = labels_of(CLASSES, unsure=unsure)
    parts = coco_parts(those, labels, CLASSES, made_by='a "b" 12', polygons=polygons)
    return json.loads(b"".join(parts))


def decoded(text: str, size: list[int]) -> NDArray[np.bool_]:
    """Decode COCO's text, character by character."""
    counts: list[int] = []
    number = shift = 0
    for character in text:
        value = ord(character) - 48
        number |= (value & 31) << shift
        shift += 5
        if value & 32:
            continue
        if value & 16:
            number -= 1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number = shift = 0
    pixels = [place % 2 == 1 for place, count in enumerate(counts) for _ in range(count)]
    return np.array(pixels).reshape(size, order="F")


@pytest.mark.parametrize("area", [noise(0), noise(1, (5, 700), share=0.01), blobs(2), RING])
def test_text_comes_back_as_the_same_pixels(area: NDArray[np.bool_]) -> None:
    text = compressed(run_lengths(area.ravel(order="F")).tolist())

    np.testing.assert_array_equal(decoded(text, [*area.shape]), area)


@pytest.mark.parametrize("area", [noise(0), noise(1, (5, 700), share=0.01), blobs(2), RING])
def test_text_is_that_of_pycocotools(area: NDArray[np.bool_]) -> None:
    mask = pytest.importorskip("pycocotools.mask", reason=NEEDED)
    encoded = mask.encode(np.asfortranarray(area.astype(np.uint8)))

    assert compressed(run_lengths(area.ravel(order="F")).tolist()) == encoded["counts"].decode()


def test_a_file_names_classes_and_images_and_has_an_annotation_for_each_class_of_an_image(
    tmp_path: Path,
) -> None:
    those = three(tmp_path)
    content = written(those)

    assert content["info"] == {"description": 'pre-labels of a "b" 12'}
    assert [(kind["id"], kind["name"]) for kind in content["categories"]] == [
        (1, "cat"),
        (2, "dog & <cow>"),
        (3, "ant"),
    ]
    assert content["images"] == [
        {"id": 2, "file_name": "a.png", "width": 53, "height": 37},
        {"id": 3, "file_name": "sub/b & 'c'.png", "width": 8, "height": 21},
        {"id": 7, "file_name": "d.jpg", "width": 6, "height": 4},
    ]
    rows = content["annotations"]
    assert [(row["id"], row["image_id"], row["category_id"]) for row in rows] == [
        (1, 2, 1),
        (2, 2, 2),
        (3, 2, 3),
        (4, 3, 2),
    ]
    assert [row.get("score") for row in rows] == [0.5, None, None, None]
    masks = {one.number: read_mask(one.mask) for one in those}
    for row in rows:
        area = masks[row["image_id"]] == row["category_id"]
        found = np.argwhere(area)
        (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0)
        assert row["bbox"] == [left, top, right - left + 1, bottom - top + 1]
        assert row["area"] == len(found)
        assert row["iscrowd"] == 0
        assert row["segmentation"]["size"] == [*area.shape]
        np.testing.assert_array_equal(decoded(row["segmentation"]["counts"], [*area.shape]), area)


def test_open_pixels_have_a_label_where_they_shall(tmp_path: Path) -> None:
    those = three(tmp_path)[:1]
    content = written(those, unsure=True)
    opened = [row for row in content["annotations"] if row["category_id"] == 4]

    assert content["categories"][-1] == {"id": 4, "name": "unsure", "supercategory": ""}
    assert [row["area"] for row in opened] == [6 * 16]
    assert all(row["category_id"] != 4 for row in written(those)["annotations"])


# pycocotools 2.0.11 with numpy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("polygons", [False, True])
def test_pycocotools_reads_the_masks_that_were_written(tmp_path: Path, polygons: bool) -> None:
    mask = pytest.importorskip("pycocotools.mask", reason=NEEDED)
    those = [*three(tmp_path)[:2], pre_label(tmp_path, "ring", RING.astype(np.uint8), number=9)]
    content = written(those, polygons=polygons)

    for one in those:
        height, width = one.size
        read = np.zeros(one.size, np.uint8)
        for row in content["annotations"]:
            if row["image_id"] == one.number:
                shape = row["segmentation"]
                if polygons:
                    shape = mask.merge(mask.frPyObjects(shape, height, width))
                assert mask.area(shape) == row["area"]
                assert mask.toBbox(shape).tolist() == row["bbox"]
                read[mask.decode(shape) == 1] = row["category_id"]
        expected = read_mask(one.mask)
        expected[expected == 255] = 0
        np.testing.assert_array_equal(read, expected)


def test_polygons_are_one_annotation_for_each_part(tmp_path: Path) -> None:
    those = three(tmp_path)[:1]
    rows = written(those, polygons=True)["annotations"]

    mask = read_mask(those[0].mask)
    for value in (1, 2, 3):
        areas = [row["area"] for row in rows if row["category_id"] == value]
        assert areas == [len(part) for part in flood(mask == value)]
    assert [row["id"] for row in rows] == [*range(1, len(rows) + 1)]


def test_no_image_leaves_empty_lists() -> None:
    content = written([])

    assert (content["images"], content["annotations"]) == ([], [])


def test_images_are_shown_as_they_are_written(tmp_path: Path) -> None:
    shown = []

    def progress(those: Any) -> Any:
        for one in those:
            shown.append(one.name)
            yield one

    labels = labels_of(CLASSES, unsure=False)
    parts = coco_parts(
        three(tmp_path), labels, CLASSES, made_by="x", polygons=False, progress=progress
    )

    assert b"".join(parts)
    assert shown == ["a", "sub/b & 'c'", "d"]
