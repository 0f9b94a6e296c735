"""One cell of a comparison, a method with a number of masks and a seed, and what came of it.

The result is one small JSON file. A program in another environment may write it too; it then
enters the table and the plots like any other, see ``docs/reference/comparison.md``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from decouplednet.annotations.files import write_atomically
from decouplednet.counts import count
from decouplednet.evaluation.evaluation import Evaluation
from decouplednet.report.curves import LateLoss, late_loss, running_mean

METHOD_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
REST = 0.02
"""A loss is at rest when its last tenth changed by at most this share of the loss at the start."""
HARDLY = 0.9
"""A loss that ends above this share of where it began hardly fell."""
FEWEST = 100  # updates by whose last tenth anything can be said
POINTS = 50
"""Most points of a curve that a cell keeps."""
_SMOOTHING = 0.04  # share of all updates over which a curve's running mean is taken

MOST = 2**53  # numbers below it are exact as floats

Share = Annotated[float, Field(ge=0, le=1)]
Verdict = Literal["at rest", "still falling", "rising", "hardly fell", "too few updates"]


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One training of a comparison.

    Args:
        method: its name, of small letters, digits and ``-``.
        masks: N, least number of masks of each class that it may learn from; 0 for a method that
            learns from none.
        seed: fixes every random choice of the training.
    """

    method: str
    masks: int
    seed: int

    @property
    def name(self) -> str:
        """What its files are called.

        >>> Cell("masks-only", masks=5, seed=0).name
        'masks-only-masks5-seed0'
        """
        return f"{self.method}-masks{self.masks}-seed{self.seed}"

    def __str__(self) -> str:
        """Return it in words.

        >>> str(Cell("masks-only", masks=5, seed=0))
        'masks-only, 5 masks a class, seed 0'
        """
        masks = f"{count(self.masks, 'mask')} a class" if self.masks else "no masks"
        return f"{self.method}, {masks}, seed {self.seed}"


class _Kept(BaseModel):
    """A part of the file; a key that is not of this version is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CellScores(_Kept):
    """The scores on the images that all methods are scored on, by ``evaluation.scores.RULE``.

    Attributes:
        miou: mean IoU; None where nothing could be counted.
        iou: of background and each class; None for a class that does not occur.
        tag_map: mean average precision of the tags; None where the method says nothing of them.
        classes_averaged: how many classes the mean averages, background counted.
        images: how many were scored.
    """

    miou: Share | None
    iou: Mapping[str, Share | None]
    tag_map: Share | None
    classes_averaged: NonNegativeInt
    images: PositiveInt

    @classmethod
    def of(cls, evaluation: Evaluation, *, has_tag_scores: bool) -> Self:
        """Return what a cell keeps of an evaluation.

        Args:
            evaluation: on the scored images.
            has_tag_scores: whether its probabilities say which classes are there.
        """
        scores = evaluation.to_json()
        kept = {name: scores[name] for name in ("miou", "iou", "classes_averaged", "images")}
        return cls(**kept, tag_map=scores["tag_map"] if has_tag_scores else None)


class StageCurve(_Kept):
    """How the loss of one stage went, and whether it had come to rest.

    Attributes:
        stage: its name.
        updates: how many there were.
        update: the updates of the points, ascending, at most ``POINTS``.
        loss: the running mean at these updates.
        late: means of the first and the last two tenths; None where there were too few updates.
        verdict: what ``late`` says.
    """

    stage: str
    updates: PositiveInt
    update: tuple[PositiveInt, ...]
    loss: tuple[float, ...]
    late: LateLoss | None
    verdict: Verdict

    @classmethod
    def of(cls, stage: str, loss: NDArray[np.float64]) -> Self:
        """Return what a cell keeps of a curve.

        Args:
            stage: its name.
            loss: (U,) loss of each update, U at least 1.
        """
        places = np.unique(np.linspace(0, len(loss) - 1, POINTS).round().astype(int))
        mean = running_mean(loss, max(1, round(_SMOOTHING * len(loss))))
        late = late_loss(loss)
        return cls(
            stage=stage,
            updates=len(loss),
            update=tuple((places + 1).tolist()),
            loss=tuple(float(f"{value:.4g}") for value in mean[places]),
            late=late,
            verdict=verdict(late if len(loss) >= FEWEST else None),
        )

    @model_validator(mode="after")
    def _each_point_has_its_loss(self) -> Self:
        if len(self.update) != len(self.loss):
            raise ValueError(f"{len(self.update)} updates for {len(self.loss)} losses")
        return self


def verdict(late: LateLoss | None) -> Verdict:
    """Return whether a loss had come to rest, for which it must have fallen first.

    A step size that falls to zero brings every loss to rest, also one that more time would lower.

    >>> verdict(LateLoss(first=2.0, before=0.50, last=0.47))
    'at rest'
    >>> verdict(LateLoss(first=2.0, before=0.60, last=0.50))
    'still falling'
    """
    if late is None:
        return "too few updates"
    if late.last > HARDLY * late.first:
        return "hardly fell"
    if abs(late.change) <= REST:
        return "at rest"
    return "still falling" if late.change < 0 else "rising"


class Where(_Kept):
    """What computed a cell.

    Attributes:
        device: its kind, such as ``cpu``, or its name.
        threads: processor threads that computed.
        torch: version of torch.
        precision: in Lightning's words, such as ``bf16-mixed``.
        commit: of the code; None where that is not known.
    """

    device: str
    threads: PositiveInt
    torch: str
    precision: str
    commit: str | None = None


class Digests(_Kept):
    """What must be equal for two cells to be compared, see ``terms.Terms.digests``.

    Attributes:
        scored: of the scored images and their masks.
        masks: of the images whose masks are learnt from, and their masks.
        tags: of the images whose tags may be learnt, and their tags.
    """

    scored: str
    masks: str
    tags: str


class CellResult(_Kept):
    """What came of a cell; the contents of its file.

    Attributes:
        format_version: of this file.
        method: its name.
        title: what tables and plots call the method.
        uses_tags: whether it learns from the tags of images without masks.
        masks: N, see ``Cell``.
        seed: of the training.
        predicted_tags: scores when the method itself decides which classes are there.
        true_tags: scores when it is told; None for a method that cannot be told.
        minutes: of training, pseudo-masks included, without features of the shared cache and
            without scoring.
        feature_minutes: that the features of the shared cache took; 0 where they were there.
        parameters: weights of the trained model.
        trained_parameters: those of them that this training changed.
        curves: of each stage, in their order; at least one.
        budget: what the cell was allowed, as a sentence.
        tuning: what of the method was tuned and how much, as a sentence.
        where: what computed it.
        digests: what was learnt from and scored.
        failures: one line for each image that could not be scored.
    """

    format_version: Literal[1] = 1
    method: Annotated[str, Field(pattern=f"^{METHOD_NAME.pattern}$")]
    title: str
    uses_tags: bool
    masks: NonNegativeInt
    seed: NonNegativeInt
    predicted_tags: CellScores
    true_tags: CellScores | None
    minutes: NonNegativeFloat
    feature_minutes: NonNegativeFloat
    parameters: Annotated[int, Field(gt=0, lt=MOST)]
    trained_parameters: Annotated[int, Field(ge=0, lt=MOST)]
    curves: Annotated[tuple[StageCurve, ...], Field(min_length=1)]
    budget: str
    tuning: str
    where: Where
    digests: Digests
    failures: tuple[str, ...] = ()

    @property
    def cell(self) -> Cell:
        """Which cell it is."""
        return Cell(self.method, self.masks, self.seed)

    @property
    def updates(self) -> int:
        """Updates of all stages together."""
        return sum(curve.updates for curve in self.curves)


def write_cell(folder: Path, result: CellResult) -> Path:
    """Write the file of a cell, atomically, and return its path.

    Args:
        folder: of all cells of a comparison.
        result: what came of it.

    Raises:
        DataError: it cannot be written.
    """
    path = folder / f"{result.cell.name}.json"
    write_atomically(path, f"{result.model_dump_json(indent=2)}\n".encode())
    return path
