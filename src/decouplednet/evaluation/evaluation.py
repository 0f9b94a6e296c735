"""The scores of a model on some images, as a value and as JSON."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import ClassList
from decouplednet.evaluation.scores import RULE, iou_per_class, mean_iou, mean_of_occurring


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One scored image.

    Args:
        name: of the record.
        miou: mean IoU in [0, 1] by the rule of scoring on this image alone; NaN where all its
            pixels are 255.
        present: the model's classes in its mask.
        identified: the classes that were looked for: by the gate, or the given tags.
    """

    name: str
    miou: float
    present: tuple[str, ...]
    identified: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SizeScore:
    """The objects of one range of sizes; an object is all pixels of one class in one image.

    Args:
        least: smallest share of the image's area, in [0, 1].
        below: the shares are less than this.
        objects: how many there are.
        iou: mean of the objects' IoU, each counting the same; NaN without any.
    """

    least: float
    below: float
    objects: int
    iou: float


@dataclass(frozen=True, slots=True, eq=False)
class LabelScore:
    """The images whose mask holds the same number of the model's classes.

    Args:
        labels: that number.
        images: how many there are.
        counts: (L + 1, L + 1) pixels of these images, rows the truth.
    """

    labels: int
    images: int
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The scores of a model on some images; the rule is ``scores.RULE``.

    Args:
        classes: L, those of the model.
        counts: (L + 1, L + 1) pixels of all images; rows the truth, columns the prediction.
        tag_precision: (L,) average precision of each class's probability over the images; NaN
            for a class that is on no image.
        true_tags: whether the classes to look for were given, and not read from the image.
        scored: each image, in the order of the split.
        by_size: scores by the size of objects, small ones first.
        by_labels: scores by the number of classes in the mask, ascending.
        without_mask: how many images were left out because they have no mask.
        unknown_classes: classes of the model that the data set does not know.
        failures: one line for each image that could not be read.
    """

    classes: ClassList
    counts: NDArray[np.int64]
    tag_precision: NDArray[np.float64]
    true_tags: bool
    scored: tuple[ImageScore, ...]
    by_size: tuple[SizeScore, ...]
    by_labels: tuple[LabelScore, ...]
    without_mask: int
    unknown_classes: tuple[str, ...]
    failures: tuple[str, ...]

    def __repr__(self) -> str:
        """Return one line; ``to_json`` holds the rest."""
        return (
            f"Evaluation(miou={self.miou:.4f}, classes_averaged={self.classes_averaged}, "
            f"images={self.images}, true_tags={self.true_tags})"
        )

    @property
    def miou(self) -> float:
        """Mean IoU in [0, 1]; NaN where no pixel was counted."""
        return mean_iou(self.counts)[0]

    @property
    def classes_averaged(self) -> int:
        """How many classes the mean averages, background counted."""
        return mean_iou(self.counts)[1]

    @property
    def iou(self) -> dict[str, float]:
        """IoU of background and each class; NaN for a class that does not occur."""
        names = ("background", *self.classes)
        return dict(zip(names, iou_per_class(self.counts).tolist(), strict=True))

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.scored)

    @property
    def tag_map(self) -> float:
        """Mean average precision over the classes that are on an image; NaN without any."""
        return mean_of_occurring(self.tag_precision)[0]

    def to_json(self) -> dict[str, Any]:
        """Return the scores as JSON values; null stands where there is nothing to average.

        Returns:
            In this order: ``miou``; ``iou`` {background and each class: x}; ``classes_averaged``;
            ``images``; ``tag_map``; ``tags`` ``"predicted"`` or ``"true"``; ``rule`` of scoring;
            ``tag_precision`` {class: x}; ``images_without_mask``; ``unknown_classes`` [names];
            ``failures`` [lines]; ``confusion`` [L + 1 rows of L + 1 numbers of pixels], rows the
            truth, columns the prediction, background first;
            ``by_size`` [{``from``, ``to`` share of the image's area, ``objects``, ``iou``}];
            ``by_labels`` [{``labels``, ``images``, ``miou``, ``classes_averaged``}];
            ``per_image`` [{``name``, ``miou``, ``labels``, ``present`` [names],
            ``identified`` [names]}].
        """
        return {
            "miou": _number(self.miou),
            "iou": {name: _number(value) for name, value in self.iou.items()},
            "classes_averaged": self.classes_averaged,
            "images": self.images,
            "tag_map": _number(self.tag_map),
            "tags": "true" if self.true_tags else "predicted",
            "rule": RULE,
            "tag_precision": {
                name: _number(float(value))
                for name, value in zip(self.classes, self.tag_precision, strict=True)
            },
            "images_without_mask": self.without_mask,
            "unknown_classes": list(self.unknown_classes),
            "failures": list(self.failures),
            "confusion": self.counts.tolist(),
            "by_size": [_size_json(score) for score in self.by_size],
            "by_labels": [_label_json(score) for score in self.by_labels],
            "per_image": [_image_json(score) for score in self.scored],
        }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _size_json(score: SizeScore) -> dict[str, Any]:
    return {
        "from": score.least,
        "to": score.below,
        "objects": score.objects,
        "iou": _number(score.iou),
    }


def _label_json(score: LabelScore) -> dict[str, Any]:
    miou, averaged = mean_iou(score.counts)
    return {
        "labels": score.labels,
        "images": score.images,
        "miou": _number(miou),
        "classes_averaged": averaged,
    }


def _image_json(score: ImageScore) -> dict[str, Any]:
    return {
        "name": score.name,
        "miou": _number(score.miou),
        "labels": len(score.present),
        "present": list(score.present),
        "identified": list(score.identified),
    }
