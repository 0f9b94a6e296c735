"""Counts that grow image by image, so that no map is kept."""

from collections import Counter
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import ClassList
from decouplednet.evaluation.evaluation import Evaluation, ImageScore, LabelScore, SizeScore
from decouplednet.evaluation.scores import average_precision, confusion, iou_per_class, mean_iou
from decouplednet.inference.prediction import Prediction

SIZE_BOUNDS = (0.0, 0.01, 0.05, 0.2, 1.0)
"""Bounds of the ranges of object sizes, in shares of the image's area."""


class Tally:
    """What has been counted so far.

    Args:
        classes: those of the model.
    """

    def __init__(self, classes: ClassList) -> None:
        self._classes = classes
        self._counts = self._no_pixels()
        self._scored: list[ImageScore] = []
        self._sizes: list[list[float]] = [[] for _ in SIZE_BOUNDS[1:]]
        self._of_labels: dict[int, NDArray[np.int64]] = {}
        self._images_of_labels: Counter[int] = Counter()
        self._probability: list[list[float]] = []
        self._tags: list[list[bool]] = []

    def add(
        self, name: str, prediction: Prediction, truth: NDArray[np.uint8], tags: Collection[str]
    ) -> None:
        """Count one image.

        Args:
            name: of its record.
            prediction: what the model made of it.
            truth: (H, W) indices of the model's classes, 255 ignored, of the image's own size.
            tags: the classes on it; names that are not the model's do not count.
        """
        counts = confusion(prediction.label_map, truth, len(self._classes))
        self._counts += counts
        present = tuple(
            name
            for name, pixels in zip(self._classes, counts.sum(axis=1)[1:], strict=True)
            if pixels
        )
        self._scored.append(ImageScore(name, mean_iou(counts)[0], present, prediction.identified))
        self._add_sizes(counts, truth.size)
        labels = len(present)
        self._of_labels[labels] = self._of_labels.get(labels, self._no_pixels()) + counts
        self._images_of_labels[labels] += 1
        self._probability.append([prediction.scores[each] for each in self._classes])
        self._tags.append([each in tags for each in self._classes])

    def evaluation(
        self,
        *,
        true_tags: bool,
        without_mask: int,
        unknown_classes: tuple[str, ...],
        failures: tuple[str, ...],
    ) -> Evaluation:
        """Return the scores of what was counted; the arguments are told on."""
        shape = (len(self._scored), len(self._classes))
        return Evaluation(
            classes=self._classes,
            counts=self._counts.copy(),
            tag_precision=average_precision(
                np.array(self._probability, np.float64).reshape(shape),
                np.array(self._tags, np.bool_).reshape(shape),
            ),
            true_tags=true_tags,
            scored=tuple(self._scored),
            by_size=self._by_size(),
            by_labels=tuple(
                LabelScore(labels, self._images_of_labels[labels], counts)
                for labels, counts in sorted(self._of_labels.items())
            ),
            without_mask=without_mask,
            unknown_classes=unknown_classes,
            failures=failures,
        )

    def _no_pixels(self) -> NDArray[np.int64]:
        size = len(self._classes) + 1
        return np.zeros((size, size), np.int64)

    def _add_sizes(self, counts: NDArray[np.int64], area: int) -> None:
        pixels = counts.sum(axis=1)
        for index, iou in enumerate(iou_per_class(counts)):
            if index and pixels[index]:
                place = np.searchsorted(SIZE_BOUNDS[1:-1], pixels[index] / area, side="right")
                self._sizes[place].append(float(iou))

    def _by_size(self) -> tuple[SizeScore, ...]:
        bounds = zip(SIZE_BOUNDS[:-1], SIZE_BOUNDS[1:], self._sizes, strict=True)
        return tuple(
            SizeScore(least, below, len(ious), float(np.mean(ious)) if ious else float("nan"))
            for least, below, ious in bounds
        )
