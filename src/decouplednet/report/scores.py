"""The scores of one evaluation as ``metrics.json`` holds them."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Found(BaseModel):
    """Values of a file; keys that the page does not show are left alone."""

    model_config = ConfigDict(frozen=True)


class ImageScore(_Found):
    """One scored image.

    Attributes:
        name: in the data set.
        miou: mean IoU over this image alone; None where it has no counted pixel.
        present: the classes in its mask.
    """

    name: str
    miou: float | None
    present: tuple[str, ...]


class SizeScore(_Found):
    """The objects of one range of sizes; an object is all pixels of one class in one image.

    Attributes:
        least: smallest share of the image's area, in [0, 1].
        below: the shares are less than this.
        objects: how many there are.
        iou: mean of their IoU; None without any.
    """

    least: float = Field(alias="from")
    below: float = Field(alias="to")
    objects: int
    iou: float | None


class LabelScore(_Found):
    """The images whose mask holds the same number of classes.

    Attributes:
        labels: that number.
        images: how many there are.
        miou: mean IoU on totals over these images; None where nothing was counted.
        classes_averaged: number of classes in the mean, background counted.
    """

    labels: int
    images: int
    miou: float | None
    classes_averaged: int


class Scores(_Found):
    """One evaluation.

    Attributes:
        miou: mean IoU by ``rule``; None where nothing was counted.
        iou: of background and each class, in index order; None for a class that does not occur.
        classes_averaged: number of classes in the mean, background counted.
        images: how many were scored.
        tag_map: mean average precision of the tags; None where no class occurs.
        rule: of scoring, in words.
        tag_precision: average precision of each class; None for one that is on no image.
        images_without_mask: how many could not be scored.
        failures: one line for each image that could not be read.
        confusion: (L + 1, L + 1) pixels; rows are the truth, columns the prediction.
        by_size: small objects first.
        by_labels: by the number of classes, ascending.
        per_image: in the order in which they were scored.
    """

    miou: float | None
    iou: Mapping[str, float | None]
    classes_averaged: int
    images: int
    tag_map: float | None
    rule: str
    tag_precision: Mapping[str, float | None]
    images_without_mask: int
    failures: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_size: tuple[SizeScore, ...]
    by_labels: tuple[LabelScore, ...]
    per_image: tuple[ImageScore, ...]

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        size = len(self.iou)
        if len(self.confusion) != size or any(len(row) != size for row in self.confusion):
            raise ValueError(f"confusion must be {size} rows of {size}, as iou has {size} names")
        return self
