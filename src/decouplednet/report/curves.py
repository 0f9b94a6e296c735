"""The learning curves that a run left in ``curves.csv``."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.errors import DataError

LEAST_TO_REST = 20
"""Fewer updates do not tell whether a loss has come to rest."""
_NEEDED = ("stage", "update", "loss", "learning_rate")
_LARGEST = 1e15  # counts up to here are exact


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What one stage of training went through, update by update.

    Args:
        stage: name of the stage.
        update: (U,) int64 number of each update, from 1.
        loss: (U,) mean loss of the images of the update.
        learning_rate: (U,) step size of the update.
        held_out_iou: (U,) in [0, 1]; NaN where it was not measured.
    """

    stage: str
    update: NDArray[np.int64]
    loss: NDArray[np.float64]
    learning_rate: NDArray[np.float64]
    held_out_iou: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LateLoss:
    """Whether a curve had come to rest: its last tenth beside the tenth before.

    Args:
        first: mean loss over the first tenth of the updates.
        before: mean loss over the tenth before the last.
        last: mean loss over the last tenth.
    """

    first: float
    before: float
    last: float

    @property
    def change(self) -> float:
        """Return what the last tenth changed, as a share of the loss at the start.

        A share of the loss before would make much of nothing where that is close to zero.
        """
        return (self.last - self.before) / self.first if self.first else 0.0


def read_curves(path: Path) -> tuple[Curve, ...]:
    """Return the curve of each stage, in the order in which the stages first appear.

    Raises:
        DataError: there is no such file, it lacks a column, holds no row, or a cell is no number
            that a training could write.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            rows = list(table)
            missing = [name for name in _NEEDED if name not in (table.fieldnames or ())]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"{path}: the learning curves cannot be read: {fault}") from None
    if missing:
        raise DataError(f"{path}: has no column {missing[0]}; expected {', '.join(_NEEDED)}")
    if not rows:
        raise DataError(f"{path}: holds no update; was the training stopped before the first one?")
    cells: dict[str, list[tuple[float, ...]]] = {}
    for number, row in enumerate(rows, start=2):
        cells.setdefault(row["stage"], []).append(_numbers(row, f"{path}: line {number}"))
    return tuple(_curve(stage, np.array(values)) for stage, values in cells.items())


def late_loss(loss: NDArray[np.float64]) -> LateLoss | None:
    """Return the mean losses of the first and the last two tenths; None with too few updates.

    Args:
        loss: (U,) loss of each update.
    """
    if len(loss) < LEAST_TO_REST:
        return None
    tenth = len(loss) // 10
    parts = (loss[:tenth], loss[-2 * tenth : -tenth], loss[-tenth:])
    return LateLoss(*(float(part.mean()) for part in parts))


def running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the mean over the last ``width`` values up to each one; fewer at the start.

    Args:
        values: (U,) without NaN.
        width: at least 1.

    >>> running_mean(np.array([2.0, 4.0, 9.0]), 2).tolist()
    [2.0, 3.0, 6.5]
    """
    total = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - width, 0)
    return np.asarray((total[last] - total[first]) / (last - first), np.float64)


def _numbers(row: Mapping[str, str | None], where: str) -> tuple[float, ...]:
    given = [row["update"], row["loss"], row["learning_rate"]]
    try:
        update, *rest = (float(cell or "") for cell in given)
        held_out_iou = float(row.get("held_out_iou") or "nan")
    except ValueError:
        raise DataError(f"{where}: update, loss and learning_rate must be numbers") from None
    if not (1 <= update <= _LARGEST and update.is_integer()):
        raise DataError(f"{where}: update {row['update']}: expected a whole number from 1")
    if not all(map(math.isfinite, rest)) or math.isinf(held_out_iou):
        raise DataError(f"{where}: a number is not finite; was the file edited by hand?")
    return (update, *rest, held_out_iou)


def _curve(stage: str, values: NDArray[np.float64]) -> Curve:
    update, loss, learning_rate, held_out_iou = values.T
    return Curve(stage, update.astype(np.int64), loss, learning_rate, held_out_iou)
