"""Scores with predicted tags beside those with true tags, as rows of tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from decouplednet.report.finished_run import Outcome
from decouplednet.report.scores import LabelScore, Scores, SizeScore


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class.

    Args:
        index: 0 for background.
        name: of the class.
        predicted: IoU with predicted tags; None where the class does not occur.
        true: IoU with true tags; None where it does not occur or was not measured.
        pixels: share of the counted pixels that are of this class, in [0, 1].
    """

    index: int
    name: str
    predicted: float | None
    true: float | None
    pixels: float | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Objects or images of one kind.

    Args:
        name: what they have in common.
        predicted: score with predicted tags; None without any.
        true: score with true tags; None without any, or where it was not measured.
        count: how many there are.
    """

    name: str
    predicted: float | None
    true: float | None
    count: int


def class_rows(predicted: Scores, true: Scores | None) -> tuple[ClassRow, ...]:
    """Return the rows of background and each class, in index order.

    Args:
        predicted: scores with predicted tags.
        true: scores with true tags; None where they were not measured.
    """
    counted = sum(sum(row) for row in predicted.confusion)
    given: Mapping[str, float | None] = true.iou if true else {}
    return tuple(
        ClassRow(index, name, iou, given.get(name), sum(row) / counted if counted else None)
        for index, ((name, iou), row) in enumerate(
            zip(predicted.iou.items(), predicted.confusion, strict=True)
        )
    )


def size_rows(outcome: Outcome) -> tuple[GroupRow, ...]:
    """Return the mean IoU of objects by their size, small ones first."""
    true = {(each.least, each.below): each.iou for each in _sizes(outcome.true_tags)}
    return tuple(
        GroupRow(_range(each), each.iou, true.get((each.least, each.below)), each.objects)
        for each in _sizes(outcome.predicted_tags)
    )


def label_rows(outcome: Outcome) -> tuple[GroupRow, ...]:
    """Return the mean IoU of images by the number of classes in them, ascending."""
    true = {each.labels: each.miou for each in _labels(outcome.true_tags)}
    return tuple(
        GroupRow(_count(each.labels), each.miou, true.get(each.labels), each.images)
        for each in _labels(outcome.predicted_tags)
    )


def _sizes(scores: Scores | None) -> Sequence[SizeScore]:
    return scores.by_size if scores else ()


def _labels(scores: Scores | None) -> Sequence[LabelScore]:
    return scores.by_labels if scores else ()


def _range(score: SizeScore) -> str:
    if score.below >= 1:
        return f"{100 * score.least:g} % and more"
    return f"{100 * score.least:g} to {100 * score.below:g} %"


def _count(labels: int) -> str:
    return "1 class" if labels == 1 else f"{labels or 'no'} classes"
