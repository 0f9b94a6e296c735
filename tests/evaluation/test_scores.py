"""Scores against a loop over pixels and against torchmetrics where the rules agree."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.classification import MulticlassJaccardIndex, MultilabelAveragePrecision

from decouplednet.evaluation.scores import (
    average_precision,
    confusion,
    iou_per_class,
    mean_iou,
    mean_of_occurring,
)

Labels = NDArray[np.uint8]


def draw(class_count: int, seed: int = 0) -> tuple[Labels, Labels]:
    rng = np.random.default_rng(seed)
    label_map = rng.integers(0, class_count + 1, (7, 11), dtype=np.uint8)
    truth = rng.integers(0, class_count + 1, (7, 11), dtype=np.uint8)
    truth[rng.random(truth.shape) < 0.2] = 255
    return label_map, truth


def test_confusion_matches_a_loop_over_pixels() -> None:
    label_map, truth = draw(4)
    expected = np.zeros((5, 5), np.int64)
    for row in range(7):
        for column in range(11):
            if truth[row, column] != 255:
                expected[truth[row, column], label_map[row, column]] += 1

    counts = confusion(label_map, truth, 4)

    assert counts.dtype == np.int64
    assert np.array_equal(counts, expected)


def test_confusion_holds_the_largest_class_list() -> None:
    label_map, truth = np.array([[254, 0]], np.uint8), np.array([[254, 254]], np.uint8)

    counts = confusion(label_map, truth, 254)

    assert counts.shape == (255, 255)
    assert counts[254, 254] == 1
    assert counts[254, 0] == 1


def test_iou_matches_sets_of_pixels() -> None:
    label_map, truth = draw(3)
    iou = iou_per_class(confusion(label_map, truth, 3))

    counted = truth != 255
    for index in range(4):
        predicted = {tuple(place) for place in np.argwhere((label_map == index) & counted)}
        true = {tuple(place) for place in np.argwhere(truth == index)}
        assert iou[index] == pytest.approx(len(predicted & true) / len(predicted | true), rel=1e-12)


def test_iou_agrees_with_torchmetrics_on_totals_over_several_images() -> None:
    metric = MulticlassJaccardIndex(num_classes=4, average="none", ignore_index=255)
    counts = np.zeros((4, 4), np.int64)
    for seed in range(3):
        label_map, truth = draw(3, seed)
        metric.update(torch.from_numpy(label_map).long(), torch.from_numpy(truth).long())
        counts += confusion(label_map, truth, 3)

    np.testing.assert_allclose(iou_per_class(counts), metric.compute().numpy(), rtol=1e-6)
    assert mean_iou(counts)[0] == pytest.approx(float(metric.compute().mean()), rel=1e-6)


def test_a_class_absent_from_both_is_left_out_of_the_mean() -> None:
    counts = np.array([[6, 2, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])

    iou = iou_per_class(counts)

    assert iou[:2].tolist() == [0.75, 4 / 6]
    assert np.isnan(iou[2:]).all()
    assert mean_iou(counts) == pytest.approx(((0.75 + 4 / 6) / 2, 2))


def test_a_class_that_occurs_only_in_the_prediction_counts_as_zero() -> None:
    counts = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])

    assert mean_iou(counts) == pytest.approx(((0.75 + 1 + 0) / 3, 3))


def test_a_class_that_occurs_only_in_the_truth_counts_as_zero() -> None:
    assert mean_iou(np.array([[6, 0], [2, 0]])) == pytest.approx((0.75 / 2, 2))


def test_background_that_occurs_nowhere_is_left_out() -> None:
    assert mean_iou(np.array([[0, 0], [0, 5]])) == (1.0, 1)


def test_without_a_single_pixel_there_is_no_mean() -> None:
    label_map, truth = np.zeros((2, 3), np.uint8), np.full((2, 3), 255, np.uint8)

    miou, averaged = mean_iou(confusion(label_map, truth, 2))

    assert math.isnan(miou)
    assert averaged == 0


def test_confusion_refuses_unequal_sizes() -> None:
    with pytest.raises(ValueError, match=r"label map \(2, 3\) and truth \(3, 2\) differ"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 1)


@pytest.mark.parametrize("side", ["label map", "truth"])
def test_confusion_refuses_an_index_beyond_the_classes(side: str) -> None:
    good, bad = np.zeros((2, 2), np.uint8), np.full((2, 2), 7, np.uint8)
    label_map, truth = (bad, good) if side == "label map" else (good, bad)

    with pytest.raises(ValueError, match=r"index 7 is beyond the 3 classes"):
        confusion(label_map, truth, 3)


def test_average_precision_agrees_with_torchmetrics() -> None:
    rng = np.random.default_rng(3)
    probability = np.round(rng.random((23, 4)), 1)  # rounding makes ties
    truth = rng.random((23, 4)) < 0.3
    metric = MultilabelAveragePrecision(num_labels=4, average="none", thresholds=None)

    expected = metric(torch.from_numpy(probability), torch.from_numpy(truth).long())

    np.testing.assert_allclose(average_precision(probability, truth), expected, rtol=1e-6)
    assert mean_of_occurring(average_precision(probability, truth)) == pytest.approx(
        (float(expected.mean()), 4), rel=1e-6
    )


def test_average_precision_of_a_worked_example() -> None:
    probability = np.array([[0.9], [0.8], [0.7], [0.6]])
    truth = np.array([[True], [False], [True], [False]])

    # Found at ranks 1 and 3: (1/1 + 2/3) / 2.
    assert average_precision(probability, truth)[0] == pytest.approx((1 + 2 / 3) / 2)


def test_the_order_of_equally_probable_images_does_not_matter() -> None:
    probability = np.array([[0.5], [0.5], [0.5]])
    first = average_precision(probability, np.array([[True], [False], [False]]))
    last = average_precision(probability, np.array([[False], [False], [True]]))

    assert first == last == pytest.approx(1 / 3)


def test_a_class_in_no_image_has_no_average_precision() -> None:
    probability = np.array([[0.9, 0.1], [0.2, 0.3]])
    truth = np.array([[True, False], [False, False]])

    each = average_precision(probability, truth)
    assert np.isnan(each[1])
    assert mean_of_occurring(each) == (1.0, 1)


def test_without_any_class_there_is_no_mean_average_precision() -> None:
    each = average_precision(np.ones((2, 3)), np.zeros((2, 3), bool))
    mean, averaged = mean_of_occurring(each)

    assert math.isnan(mean)
    assert averaged == 0


def test_average_precision_refuses_unequal_shapes() -> None:
    with pytest.raises(ValueError, match=r"probability \(2, 3\) and truth \(3, 2\) differ"):
        average_precision(np.zeros((2, 3)), np.zeros((3, 2), bool))
