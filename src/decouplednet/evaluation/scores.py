"""The rules of scoring as pure functions on counts.

Totals over all images come first: per class I / (T + P - I), with I the pixels that are rightly
named, T those that are of the class and P those predicted so; pixels of 255 are left out. The mean
is taken over background and the classes that occur in ground truth or prediction.
"""

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import IGNORE

RULE = (
    "IoU = I / (T + P - I) on totals over all images, pixels of 255 left out; "
    "mean over background and the classes that occur in ground truth or prediction"
)


def confusion(
    label_map: NDArray[np.uint8], truth: NDArray[np.uint8], class_count: int
) -> NDArray[np.int64]:
    """Return how often each class was taken for each other, background included.

    Args:
        label_map: (H, W) predicted index of each pixel, 0 to ``class_count``.
        truth: (H, W) true index of each pixel, 0 to ``class_count``, or 255, which is left out.
        class_count: L, number of classes, background not counted.

    Returns:
        (L + 1, L + 1) number of pixels; rows are the truth, columns the prediction.

    Raises:
        ValueError: the shapes differ, or an index is beyond ``class_count``.
    """
    if label_map.shape != truth.shape:
        raise ValueError(f"label map {label_map.shape} and truth {truth.shape} differ in (H, W)")
    counted = truth != IGNORE
    predicted, true = label_map[counted], truth[counted]
    largest = max((int(part.max()) for part in (predicted, true) if part.size), default=0)
    if largest > class_count:
        raise ValueError(f"index {largest} is beyond the {class_count} classes")
    size = class_count + 1
    pairs = true.astype(np.int64) * size + predicted
    return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int64)


def iou_per_class(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the intersection over union of background and each class.

    Args:
        counts: (L + 1, L + 1) from ``confusion``, or a sum of such.

    Returns:
        (L + 1,) in [0, 1]; NaN for a class that occurs neither in truth nor in prediction.
    """
    intersection = np.diagonal(counts).astype(np.float64)
    union = counts.sum(axis=0) + counts.sum(axis=1) - intersection
    iou = np.full(len(counts), np.nan)
    np.divide(intersection, union, out=iou, where=union > 0)
    return iou


def mean_iou(counts: NDArray[np.int64]) -> tuple[float, int]:
    """Return the mean IoU and the number of classes it averages, background counted.

    Args:
        counts: (L + 1, L + 1) from ``confusion``, or a sum of such.

    Returns:
        The mean in [0, 1] over background and the classes that occur in truth or prediction, and
        how many those are; NaN and 0 when there is no pixel.
    """
    return mean_of_occurring(iou_per_class(counts))


def average_precision(
    probability: NDArray[np.float64], truth: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the area under the precision and recall steps of each class.

    Images of equal probability enter together, so their order does not matter.

    Args:
        probability: (N, L) probability of each class in each image.
        truth: (N, L) whether the class is in the image.

    Returns:
        (L,) in [0, 1]; NaN for a class that is in no image.

    Raises:
        ValueError: the shapes differ.
    """
    if probability.shape != truth.shape:
        raise ValueError(f"probability {probability.shape} and truth {truth.shape} differ")
    columns = range(truth.shape[1])
    return np.array([_average_precision(probability[:, k], truth[:, k]) for k in columns])


def mean_of_occurring(values: NDArray[np.float64]) -> tuple[float, int]:
    """Return the mean over the classes that occur, and how many those are.

    Args:
        values: a value of each class; NaN for a class that does not occur.

    Returns:
        The mean and the number of classes averaged; NaN and 0 when no class occurs.
    """
    occurring = values[~np.isnan(values)]
    return (float(occurring.mean()) if occurring.size else float("nan")), int(occurring.size)


def _average_precision(probability: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    if not truth.any():
        return float("nan")
    order = np.argsort(-probability, kind="stable")
    ranked, hits = probability[order], np.cumsum(truth[order])
    last_of_equals = np.append(ranked[1:] != ranked[:-1], True)
    found = hits[last_of_equals]
    precision = found / (np.flatnonzero(last_of_equals) + 1)
    gained = np.diff(found, prepend=0) / hits[-1]
    return float((gained * precision).sum())
