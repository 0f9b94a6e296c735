import json
import math

import numpy as np
import pytest
from numpy.typing import ArrayLike

from decouplednet.classes import ClassList
from decouplednet.evaluation.evaluation import Evaluation
from decouplednet.evaluation.scores import RULE
from decouplednet.evaluation.tally import Tally
from decouplednet.inference.prediction import Prediction

CLASSES = ClassList(("cat", "cow", "dog"))


def prediction(label_map: ArrayLike, *identified: str, cat: float = 0.9) -> Prediction:
    scores = {"cat": cat, "cow": 0.2, "dog": 0.1}
    return Prediction(np.array(label_map, np.uint8), {}, scores, identified)


def finish(tally: Tally) -> Evaluation:
    return tally.evaluation(true_tags=False, without_mask=0, unknown_classes=(), failures=())


def example() -> Evaluation:
    """Two images of ten pixels and one of 200, worked through by hand below."""
    tally = Tally(CLASSES)
    one = np.array([[1, 1, 1, 1, 0], [2, 0, 0, 0, 255]], np.uint8)
    tally.add("one", prediction([[1, 1, 1, 0, 0], [2, 2, 0, 0, 3]], "cat", "cow"), one, {"cat"})
    two = np.zeros((2, 5), np.uint8)
    tally.add("two", prediction([[0, 0, 0, 0, 0], [0, 0, 3, 0, 0]], "dog", cat=0.4), two, set())
    three = np.zeros((10, 20), np.uint8)
    three[3, 4] = 2
    tally.add("three", prediction(np.zeros((10, 20)), cat=0.3), three, {"cow", "cat"})
    return tally.evaluation(
        true_tags=True, without_mask=7, unknown_classes=("dog",), failures=("x.png: bad",)
    )


def test_totals_run_over_all_images() -> None:
    scores = example()

    iou = {"background": 211 / 215, "cat": 3 / 4, "cow": 1 / 3, "dog": 0.0}
    assert scores.iou == pytest.approx(iou)
    assert scores.miou == pytest.approx(sum(iou.values()) / 4)
    assert scores.classes_averaged == 4
    assert scores.images == 3
    assert scores.counts.sum() == 9 + 10 + 200


def test_each_image_has_its_own_mean() -> None:
    scores = example()

    one, two, three = scores.scored
    assert one.miou == pytest.approx((3 / 5 + 3 / 4 + 1 / 2) / 3)
    assert two.miou == pytest.approx((9 / 10 + 0) / 2)
    assert three.miou == pytest.approx((199 / 200 + 0) / 2)
    assert [image.present for image in scores.scored] == [("cat", "cow"), (), ("cow",)]
    assert [image.identified for image in scores.scored] == [("cat", "cow"), ("dog",), ()]


def test_objects_are_sorted_by_their_share_of_the_image() -> None:
    scores = example()

    # Shares: cat 4/10, cow 1/10 and cow 1/200.
    assert [(size.least, size.below) for size in scores.by_size] == [
        (0.0, 0.01),
        (0.01, 0.05),
        (0.05, 0.2),
        (0.2, 1.0),
    ]
    assert [size.objects for size in scores.by_size] == [1, 0, 1, 1]
    assert scores.by_size[0].iou == 0
    assert math.isnan(scores.by_size[1].iou)
    assert scores.by_size[2].iou == pytest.approx(1 / 2)
    assert scores.by_size[3].iou == pytest.approx(3 / 4)


@pytest.mark.parametrize(("pixels", "place"), [(1, 1), (5, 2), (20, 3), (100, 3)])
def test_a_size_at_a_bound_belongs_to_the_range_above_it(pixels: int, place: int) -> None:
    tally = Tally(CLASSES)
    truth = (np.arange(100, dtype=np.uint8) < pixels).astype(np.uint8).reshape(10, 10)

    tally.add("image", prediction(truth, "cat"), truth, {"cat"})

    assert [size.objects for size in finish(tally).by_size].index(1) == place


def test_images_are_grouped_by_the_number_of_their_classes() -> None:
    scores = example()

    assert [(group.labels, group.images) for group in scores.by_labels] == [(0, 1), (1, 1), (2, 1)]
    assert [int(group.counts.sum()) for group in scores.by_labels] == [10, 200, 9]


def test_json_begins_with_the_contract_and_says_the_rest() -> None:
    content = example().to_json()

    assert list(content)[:5] == ["miou", "iou", "classes_averaged", "images", "tag_map"]
    assert list(content["iou"]) == ["background", "cat", "cow", "dog"]
    assert content["tags"] == "true"
    assert content["rule"] == RULE
    assert content["images_without_mask"] == 7
    assert content["unknown_classes"] == ["dog"]
    assert content["failures"] == ["x.png: bad"]
    # Cat is on images one and three, ranked first and third; cow is on three, of three equals.
    assert content["tag_precision"] == {
        "cat": pytest.approx((1 + 2 / 3) / 2),
        "cow": pytest.approx(1 / 3),
        "dog": None,
    }
    assert content["tag_map"] == pytest.approx(((1 + 2 / 3) / 2 + 1 / 3) / 2)
    assert np.array(content["confusion"]).shape == (4, 4)
    assert content["confusion"][1] == [1, 3, 0, 0]
    assert content["by_size"][1] == {"from": 0.01, "to": 0.05, "objects": 0, "iou": None}
    assert content["by_labels"][1] == {
        "labels": 1,
        "images": 1,
        "miou": pytest.approx((199 / 200 + 0) / 2),
        "classes_averaged": 2,
    }
    assert content["per_image"][0] == {
        "name": "one",
        "miou": pytest.approx((3 / 5 + 3 / 4 + 1 / 2) / 3),
        "labels": 2,
        "present": ["cat", "cow"],
        "identified": ["cat", "cow"],
    }
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_every_key_of_the_json_is_documented() -> None:
    documented = Evaluation.to_json.__doc__ or ""

    content = example().to_json()
    keys = [
        *content,
        *(k for part in ("by_size", "by_labels", "per_image") for k in content[part][0]),
    ]
    assert [key for key in keys if f"``{key}``" not in documented] == []


def test_an_image_that_is_all_ignored_has_no_mean_and_counts_nothing() -> None:
    tally = Tally(CLASSES)
    tally.add("void", prediction([[1, 0]], "cat"), np.full((1, 2), 255, np.uint8), set())

    content = finish(tally).to_json()

    assert content["miou"] is None
    assert content["classes_averaged"] == 0
    assert content["images"] == 1
    assert content["tag_map"] is None
    assert content["per_image"][0]["miou"] is None
    assert content["tags"] == "predicted"


def test_an_evaluation_does_not_change_with_its_tally() -> None:
    tally = Tally(CLASSES)
    tally.add("one", prediction([[1, 0]], "cat"), np.array([[1, 0]], np.uint8), {"cat"})
    first = finish(tally)

    tally.add("two", prediction([[1, 0]], "cat"), np.array([[0, 0]], np.uint8), set())

    assert first.counts.sum() == 2
    assert first.by_labels[0].counts.sum() == 2
    assert first.images == 1
