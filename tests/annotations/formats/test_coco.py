import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from decouplednet.annotations.formats.source import Source
from decouplednet.annotations.mask_kinds import shapes
from decouplednet.classes import ClassList
from tests.annotations.formats import coco_sets
from tests.annotations.formats.coco_reading import (
    ORDER,
    by_image,
    drawn,
    faults,
    one_image,
    read,
    source_of,
)
from tests.annotations.formats.coco_sets import SIZE, image, instances, of, square

# pycocotools' decode, which only the tests use, knows nothing of NumPy 2 yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def outline(rng: random.Random, corners: int = 7) -> list[float]:
    """Return a polygon around a point, with two decimals as COCO's have."""
    angles = sorted(rng.uniform(0, 2 * np.pi) for _ in range(corners))
    x, y = rng.uniform(10, SIZE[1] - 10), rng.uniform(10, SIZE[0] - 10)
    reach = [rng.uniform(4, 16) for _ in angles]
    flat = [(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(angles, reach, strict=True)]
    return [round(float(number), 2) for pair in flat for number in pair]


def test_the_source_is_one(tmp_path: Path) -> None:
    one_image(tmp_path, square(1, 1, (2, 3, 4, 5)))
    source: Source = source_of(tmp_path)

    assert source.name == "coco"
    assert source.statement == "COCO, from annotations/instances_train.json"
    assert source.images == tmp_path
    assert source.apart == (tmp_path / "annotations",)
    assert source.loose
    assert source.splits is None
    assert source.class_file == tmp_path / "classes.txt"


def test_masks_are_those_that_coco_s_own_tools_draw_pixel_by_pixel(tmp_path: Path) -> None:
    rng = random.Random(5)  # noqa: S311 - no secret
    images = [image(number, f"{number}.jpg") for number in range(1, 9)]
    annotations = []
    for number in range(40):
        polygons = [outline(rng) for _ in range(rng.randrange(1, 3))]
        one = square(rng.randrange(1, 9), rng.choice([1, 3, 90]), (1, 1, 5, 5), id=number)
        one |= {"segmentation": polygons, "area": rng.uniform(1, 500)}
        if number % 3:  # as run lengths, plain or compressed
            whole = coco_mask.merge(coco_mask.frPyObjects(polygons, *SIZE))
            plain = plain_counts(coco_mask.decode(whole))
            counts = plain if number % 3 == 1 else whole["counts"].decode()
            one["segmentation"] = {"size": list(SIZE), "counts": counts}
        annotations.append(one)
    rng.shuffle(annotations)
    file = instances(tmp_path / "annotations" / "instances_train.json", images, annotations)
    reference = COCO(str(file))

    found = by_image(tmp_path)

    assert list(found) == [f"{number}.jpg" for number in range(1, 9)]
    ids = {1: 1, 3: 2, 90: 3}
    for number in range(1, 9):
        mask = np.zeros(SIZE, np.uint8)
        ordered = reference.loadAnns(reference.getAnnIds(imgIds=[number]))
        for one in sorted(ordered, key=lambda one: -one["area"]):
            mask[reference.annToMask(one) > 0] = ids[one["category_id"]]
        assert np.array_equal(drawn(found[f"{number}.jpg"]), mask)
        names = {ORDER[ids[one["category_id"]] - 1] for one in ordered}
        assert found[f"{number}.jpg"].tags == frozenset(names) == found[f"{number}.jpg"].drawn


def plain_counts(mask: NDArray[np.uint8]) -> list[int]:
    """Return run lengths column by column, counted pixel by pixel."""
    counts, value = [0], 0
    for column in range(mask.shape[1]):
        for row in range(mask.shape[0]):
            if int(mask[row, column]) != value:
                counts.append(0)
                value = 1 - value
            counts[-1] += 1
    return counts


def test_classes_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    one_image(tmp_path, square(1, 3, (2, 3, 4, 5)))

    declared = source_of(tmp_path).declare()

    assert declared.classes == ClassList(ORDER)
    assert declared.findings == ()
    assert declared.splits == {}
    assert declared.guessed


@pytest.mark.parametrize(
    "order",
    [
        "images annotations categories",
        "categories images annotations",
        "annotations categories images",
    ],
)
def test_the_keys_of_a_file_may_come_in_any_order(tmp_path: Path, order: str) -> None:
    parts: dict[str, Any] = {
        "images": [image(2, "b.jpg"), image(1, "a.jpg")],
        "annotations": [square(1, 3, (2, 3, 4, 5)), square(2, 1, (1, 1, 9, 9))],
        "categories": coco_sets.CLASSES,
    }
    content = {"info": {}, **{key: parts[key] for key in order.split()}}
    coco_sets.write(tmp_path / "annotations" / "instances_train.json", **content)

    assert [(name, one.tags) for name, one in by_image(tmp_path).items()] == [
        ("b.jpg", of("cat")),
        ("a.jpg", of("dog")),
    ]
    assert source_of(tmp_path).declare().classes == ClassList(ORDER)


def test_of_objects_that_overlap_the_smaller_lies_on_top(tmp_path: Path) -> None:
    one_image(
        tmp_path,
        square(1, 1, (10, 10, 4, 4), id=1),
        square(1, 3, (5, 5, 20, 20), id=2),
        square(1, 90, (12, 12, 10, 10), id=3),
    )

    mask = drawn(by_image(tmp_path)["a.jpg"])

    expected = np.zeros(SIZE, np.uint8)
    expected[5:25, 5:25] = 2
    expected[12:22, 12:22] = 3
    expected[10:14, 10:14] = 1
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("left_out", [("area",), ("area", "bbox")])
def test_without_areas_boxes_or_outlines_tell_which_is_smaller(
    tmp_path: Path, left_out: tuple[str, ...]
) -> None:
    one_image(
        tmp_path,
        *(
            {key: value for key, value in one.items() if key not in left_out}
            for one in (square(1, 1, (10, 10, 4, 4)), square(1, 3, (5, 5, 20, 20)))
        ),
    )

    assert drawn(by_image(tmp_path)["a.jpg"])[11, 11] == 1


def test_plain_run_lengths_without_area_are_counted(tmp_path: Path) -> None:
    small = {"image_id": 1, "category_id": 1, "id": 1}
    small["segmentation"] = {"size": list(SIZE), "counts": [0, 5, 37 * 53 - 5]}  # type: ignore[assignment]
    one_image(tmp_path, small, square(1, 3, (0, 0, 20, 20)))

    assert drawn(by_image(tmp_path)["a.jpg"])[:7, 0].tolist() == [1, 1, 1, 1, 1, 2, 2]


def test_a_crowd_is_ignored_below_the_objects_in_it_and_still_a_tag(tmp_path: Path) -> None:
    one_image(
        tmp_path,
        square(1, 1, (10, 10, 9, 9), id=1),
        square(1, 3, (8, 8, 4, 4), id=2, iscrowd=1),
    )

    found = by_image(tmp_path)["a.jpg"]

    expected = np.zeros(SIZE, np.uint8)
    expected[8:12, 8:12] = 255
    expected[10:19, 10:19] = 1
    assert np.array_equal(drawn(found), expected)
    assert found.tags == of("cat", "dog")
    assert found.drawn == {"cat"}


def test_an_image_without_annotations_was_looked_at(tmp_path: Path) -> None:
    instances(
        tmp_path / "annotations" / "instances_train.json",
        [image(1, "a.jpg"), image(2, "b.jpg")],
        [square(1, 1, (2, 3, 4, 5))],
    )

    found = by_image(tmp_path)["b.jpg"]

    assert found.tags == frozenset()
    assert not drawn(found).any()


@pytest.mark.parametrize("content", [{}, {"annotations": []}])
def test_a_file_without_any_annotation_says_nothing(tmp_path: Path, content: Any) -> None:
    coco_sets.write(
        tmp_path / "annotations" / "image_info_test.json",
        images=[image(1, "a.jpg")],
        categories=coco_sets.CLASSES,
        **content,
    )

    assert read(tmp_path, "annotations/image_info_test.json") == []


def test_boxes_say_where_an_object_is_and_not_where_it_ends(tmp_path: Path) -> None:
    one_image(
        tmp_path,
        square(1, 1, (10, 5, 20, 10), segmentation=[]),
        square(1, 3, (40, 20, 5, 5)),
    )

    mask = drawn(by_image(tmp_path)["a.jpg"])

    assert mask[0, 0] == 255
    assert mask[10, 20] == 1
    assert mask[5, 10] == 255
    assert (mask[20:25, 40:45] == 2).all()


def test_an_object_without_any_shape_leaves_the_rest_open(tmp_path: Path) -> None:
    bare = {"id": 7, "image_id": 1, "category_id": 1}
    one_image(tmp_path, bare, square(1, 3, (4, 4, 5, 5)))

    found = by_image(tmp_path)["a.jpg"]

    assert found.tags == of("cat", "dog")
    assert found.drawn == {"dog"}
    assert np.unique(drawn(found)).tolist() == [2, 255]
    one_image(tmp_path, bare)
    assert by_image(tmp_path)["a.jpg"].mask is None
    assert by_image(tmp_path)["a.jpg"].tags == of("cat")


def test_polygons_of_less_than_three_points_hold_no_pixel(tmp_path: Path) -> None:
    one = square(1, 1, (4, 4, 5, 5))
    one["segmentation"] = [[1, 1, 9, 9], *one["segmentation"], []]
    one_image(tmp_path, one, square(1, 3, (20, 4, 5, 5), segmentation=[[1, 1, 9, 9]]))

    mask = drawn(by_image(tmp_path)["a.jpg"])

    assert mask[4, 4] == 1
    assert mask[6, 22] == 2  # from its box
    assert faults(tmp_path) == []


def test_a_polygon_without_inner_brackets_is_one(tmp_path: Path) -> None:
    one_image(tmp_path, square(1, 1, (4, 4, 5, 5), segmentation=[4, 4, 9, 4, 9, 9, 4, 9]))

    assert drawn(by_image(tmp_path)["a.jpg"])[4:9, 4:9].all()


@pytest.mark.parametrize(
    "changed", [{"height": None}, {"width": 0}, {"height": "37"}, {"width": True}]
)
def test_without_a_size_that_of_the_image_counts(tmp_path: Path, changed: Any) -> None:
    one_image(tmp_path, square(1, 1, (2, 3, 4, 5)), **changed)
    coco_sets.pictures(tmp_path, "a.jpg")
    content = by_image(tmp_path)["a.jpg"].mask
    assert content is not None

    mask = shapes.read(content, tmp_path / "a.jpg", ClassList(ORDER))

    assert mask.shape == SIZE


def test_ids_may_be_numbers_or_texts(tmp_path: Path) -> None:
    instances(
        tmp_path / "annotations" / "instances_train.json",
        [image(1, "a.jpg", id="1"), image(2, "b.jpg", id=2.0)],
        [square(1, 1, (2, 3, 4, 5)), square(2, 1, (2, 3, 4, 5), category_id="3")],
    )

    assert [one.tags for one in by_image(tmp_path).values()] == [of("cat"), of("dog")]


def test_background_is_no_class(tmp_path: Path) -> None:
    file = tmp_path / "annotations" / "instances_train.json"
    classes = ({"id": 0, "name": "_background_"}, *coco_sets.CLASSES)
    boxes = square(1, 1, (4, 4, 9, 9)), square(1, 0, (6, 6, 2, 2))
    instances(file, [image(1, "a.jpg")], boxes, classes)

    found = by_image(tmp_path)["a.jpg"]

    assert source_of(tmp_path).declare().classes == ClassList(ORDER)
    assert found.tags == of("cat")
    assert drawn(found)[4:9, 4:9].tolist() == [
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [1, 1, 0, 0, 1],
        [1, 1, 0, 0, 1],
        [1, 1, 1, 1, 1],
    ]
