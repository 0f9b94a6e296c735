from typing import Any

from decouplednet.report.finished_run import Outcome
from decouplednet.report.score_rows import (
    ClassRow,
    GroupRow,
    class_rows,
    label_rows,
    size_rows,
)
from decouplednet.report.scores import Scores


def scores(**changes: Any) -> Scores:
    values = {
        "miou": 0.4,
        "iou": {"background": 0.8, "cat": 0.25, "dog": None},
        "classes_averaged": 2,
        "images": 3,
        "tag_map": 0.9,
        "rule": "the rule",
        "tag_precision": {"cat": 0.9, "dog": None},
        "images_without_mask": 0,
        "failures": [],
        "confusion": [[60, 20, 0], [5, 15, 0], [0, 0, 0]],
        "by_size": [
            {"from": 0.0, "to": 0.05, "objects": 0, "iou": None},
            {"from": 0.05, "to": 1.0, "objects": 4, "iou": 0.3},
        ],
        "by_labels": [
            {"labels": 0, "images": 1, "miou": 0.2, "classes_averaged": 2},
            {"labels": 1, "images": 2, "miou": 0.5, "classes_averaged": 2},
            {"labels": 2, "images": 1, "miou": 0.1, "classes_averaged": 3},
        ],
        "per_image": [],
    }
    return Scores.model_validate(values | changes)


def test_class_rows_put_predicted_beside_true_tags() -> None:
    true = scores(iou={"background": 0.9, "cat": 0.5, "dog": None})

    assert class_rows(scores(), true) == (
        ClassRow(0, "background", 0.8, 0.9, 0.8),
        ClassRow(1, "cat", 0.25, 0.5, 0.2),
        ClassRow(2, "dog", None, None, 0.0),
    )


def test_class_rows_do_without_true_tags_and_without_pixels() -> None:
    rows = class_rows(scores(confusion=[[0] * 3] * 3), None)

    assert [row.true for row in rows] == [None] * 3
    assert [row.pixels for row in rows] == [None] * 3


def test_size_rows_name_their_range() -> None:
    true = scores(by_size=[{"from": 0.05, "to": 1.0, "objects": 4, "iou": 0.6}])

    assert size_rows(Outcome(predicted_tags=scores(), true_tags=true)) == (
        GroupRow("0 to 5 %", None, None, 0),
        GroupRow("5 % and more", 0.3, 0.6, 4),
    )


def test_label_rows_name_their_number() -> None:
    true = scores(by_labels=[{"labels": 2, "images": 1, "miou": 0.7, "classes_averaged": 3}])

    assert label_rows(Outcome(predicted_tags=scores(), true_tags=true)) == (
        GroupRow("no classes", 0.2, None, 1),
        GroupRow("1 class", 0.5, None, 2),
        GroupRow("2 classes", 0.1, 0.7, 1),
    )


def test_a_run_without_scores_has_no_rows() -> None:
    assert size_rows(Outcome()) == ()
    assert label_rows(Outcome()) == ()
