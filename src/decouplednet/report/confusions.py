"""The confusion matrix as shares of the truth, and what was most often taken for what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ConfusionRow:
    """The pixels of one true class.

    Args:
        name: of the class.
        pixels: how many there are.
        shares: of them, in [0, 1], that were predicted as each class; None where there are none.
    """

    name: str
    pixels: int
    shares: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """Pixels of one class that were predicted as another.

    Args:
        truth: name of their class.
        prediction: name of the class they were taken for.
        pixels: how many.
        share: of all wrong pixels, in [0, 1].
    """

    truth: str
    prediction: str
    pixels: int
    share: float


def confusion_rows(
    names: Sequence[str], counts: Sequence[Sequence[int]]
) -> tuple[ConfusionRow, ...]:
    """Return the matrix by rows.

    Args:
        names: of background and the L classes, in index order.
        counts: (L + 1, L + 1) pixels; rows are the truth, columns the prediction.
    """
    rows = []
    for name, row in zip(names, counts, strict=True):
        pixels = sum(row)
        rows.append(ConfusionRow(name, pixels, tuple(n / pixels if pixels else None for n in row)))
    return tuple(rows)


def most_frequent(
    names: Sequence[str], counts: Sequence[Sequence[int]], most: int
) -> tuple[Mistake, ...]:
    """Return the mistakes with the most pixels, largest first; fewer where there are fewer.

    Args:
        names: as in ``confusion_rows``.
        counts: as in ``confusion_rows``.
        most: largest number of mistakes.
    """
    wrong = np.array(counts, np.int64)
    np.fill_diagonal(wrong, 0)
    total = int(wrong.sum())
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(*divmod(int(place), len(names)), int(wrong.flat[place])) for place in order]
    return tuple(
        Mistake(names[truth], names[prediction], pixels, pixels / total)
        for truth, prediction, pixels in pairs
        if pixels
    )
