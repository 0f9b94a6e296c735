"""Thresholds under which a wanted share of the accepted pixels is right, and what they give."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList
from decouplednet.counts import count
from decouplednet.errors import DataError, SettingsError
from decouplednet.evaluation.abstention import (
    FOLDS,
    LEVELS,
    NONE_ACCEPTED,
    ImageCounts,
    Outcome,
    choose,
    count_image,
    cross_fitted,
    share_right,
)
from decouplednet.evaluation.evaluate import read_examples, unknown_classes
from decouplednet.inference.batches import ahead, batched
from decouplednet.inference.reading import PredictsImages

BACKGROUND_NAME = "background"
FEWEST_HELD_OUT = 3
"""Images with masks: the others of a fold must be two at least, to have a spread."""

Progress = Callable[[Sequence[Record]], Iterable[Record]]


@dataclass(frozen=True, slots=True)
class Abstention:
    """From which certainty pixels of a model are accepted, and what that gave on other images.

    Args:
        asked: share of the accepted pixels that should be right, in (0, 1).
        thresholds: of background and each class, in the model's order; None where no certainty
            is high enough, so that none of its pixels is accepted.
        own: the names whose threshold was chosen by their pixels alone; the others have the
            common one.
        common: the threshold that the pixels of all classes give; None as above.
        achieved: share of the accepted pixels that were right in images that had no part in the
            choice, in [0, 1]; None where no pixel was accepted.
        achieved_of: the same of the pixels that background and each class won.
        accepted: share of all pixels that was accepted there, in [0, 1].
        images: with masks that were held out.
        folds: groups of them, each checked by thresholds that the others gave.
    """

    asked: float
    thresholds: Mapping[str, float | None]
    own: tuple[str, ...]
    common: float | None
    achieved: float | None
    achieved_of: Mapping[str, float | None]
    accepted: float
    images: int
    folds: int

    def table(self, classes: ClassList) -> NDArray[np.float32]:
        """Return the (L + 1,) thresholds of background and the classes, as ``abstain`` takes them.

        Infinity stands where no pixel is accepted.

        Raises:
            DataError: they are those of other classes.
        """
        names = (BACKGROUND_NAME, *classes)
        if tuple(self.thresholds) != names:
            raise DataError(
                f"thresholds are those of {', '.join(self.thresholds)}; the model has "
                f"{', '.join(names)}; choose them anew with this model"
            )
        values = (self.thresholds[name] for name in names)
        return np.array([np.inf if value is None else value for value in values], np.float32)

    def in_words(self) -> str:
        """Return one line about what was achieved."""
        measured = f"{count(self.images, 'held-out image')}, {self.folds} folds"
        if self.achieved is None:
            return f"no pixel is certain enough to be right in {self.asked:.1%} ({measured})"
        return (
            f"{self.achieved:.1%} of the accepted pixels right, {self.asked:.1%} asked for; "
            f"{self.accepted:.1%} of all pixels accepted ({measured})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, from which ``from_json`` makes it again."""
        return {
            "asked": self.asked,
            "achieved": self.achieved,
            "accepted": self.accepted,
            "images": self.images,
            "folds": self.folds,
            "common": self.common,
            "thresholds": dict(self.thresholds),
            "own": list(self.own),
            "achieved_of": dict(self.achieved_of),
        }

    @classmethod
    def from_json(cls, values: object, where: str) -> "Abstention":
        """Return what ``to_json`` returned.

        Args:
            values: JSON values.
            where: they come from, for the message.

        Raises:
            DataError: they are not what ``to_json`` returns.
        """
        try:
            stored = _Stored.model_validate(values)
        except ValidationError as faults:
            first = faults.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the value"
            raise DataError(f"{where}: {place}: {first['msg']}; was it edited by hand?") from None
        return cls(**stored.model_dump() | {"own": tuple(stored.own)})


class _Stored(BaseModel):
    """The JSON values of an ``Abstention``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    asked: float = Field(gt=0, lt=1)
    achieved: float | None = Field(ge=0, le=1)
    accepted: float = Field(ge=0, le=1)
    images: int = Field(ge=1)
    folds: int = Field(ge=2)
    common: float | None = Field(ge=0, le=1)
    thresholds: dict[str, float | None]
    own: list[str]
    achieved_of: dict[str, float | None]


def measure_abstention(
    predictor: PredictsImages,
    catalogue: Catalogue,
    records: Sequence[Record],
    *,
    accuracy: float,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Progress = iter,
) -> tuple[Abstention, tuple[str, ...]]:
    """Return from which certainty pixels are accepted, chosen and checked on held-out masks.

    The network is told the classes of each image: those of its row and of its mask. Memory holds
    a few images at a time, and of the others only their counts.

    Args:
        predictor: has not learnt from these masks.
        catalogue: the data set.
        records: of the catalogue, with masks.
        accuracy: share of the accepted pixels that should be right, in (0, 1).
        folds: at least two, see ``cross_fitted``.
        seed: parts the images into folds.
        progress: shows how far the images are done.

    Returns:
        The thresholds and what they give; and a line for each image that could not be read.

    Raises:
        SettingsError: the accuracy or the number of folds is out of range.
        DataError: the data set has no class of the model, or the images that can be read are fewer
            than ``FEWEST_HELD_OUT``.
    """
    if not 0 < accuracy < 1:
        raise SettingsError(f"pixel accuracy = {accuracy!r}: expected a share between 0 and 1")
    if folds < 2:
        raise SettingsError(f"folds = {folds}: thresholds are chosen on others, so at least 2")
    unknown_classes(predictor, catalogue)
    failures = list[str]()
    counts = list(_counts(predictor, catalogue, progress(records), failures))
    if len(counts) < FEWEST_HELD_OUT:
        raise DataError(
            f"{catalogue.root}: {count(len(counts), 'image')} with a mask held out; thresholds are "
            f"chosen on some and checked on others, which takes at least {FEWEST_HELD_OUT}; draw "
            "more masks, or hold out more"
        )
    return abstention_of(counts, predictor.classes, accuracy, folds, seed), tuple(failures)


def abstention_of(
    counts: Sequence[ImageCounts], classes: ClassList, accuracy: float, folds: int, seed: int
) -> Abstention:
    """Return the thresholds that counts give, and what they give by cross-fitting.

    Args:
        counts: of held-out images, at least ``FEWEST_HELD_OUT``.
        classes: of the model.
        accuracy: share of the accepted pixels that should be right, in (0, 1).
        folds: see ``cross_fitted``.
        seed: likewise.
    """
    names = (BACKGROUND_NAME, *classes)
    choice = choose(counts, len(classes), accuracy)
    found = cross_fitted(counts, len(classes), accuracy, folds=folds, seed=seed)
    accepted = int(found.accepted.sum())
    return Abstention(
        asked=accuracy,
        thresholds={
            name: _threshold(level)
            for name, level in zip(names, choice.levels.tolist(), strict=True)
        },
        own=tuple(name for name, own in zip(names, choice.own, strict=True) if own),
        common=_threshold(choice.common),
        achieved=int(found.right.sum()) / accepted if accepted else None,
        achieved_of=_shares(names, found),
        accepted=accepted / max(int(found.won.sum()), 1),
        images=len(counts),
        folds=min(folds, len(counts)),
    )


def _counts(
    predictor: PredictsImages, catalogue: Catalogue, records: Iterable[Record], failures: list[str]
) -> Iterator[ImageCounts]:
    """Yield the counts of each image that can be read, its classes being told."""
    examples = read_examples(predictor, catalogue, records, failures)
    for batch in ahead(batched(examples, weigh=lambda one: one.truth.size)):
        predictions = predictor.predict(
            [example.image for example in batch], [example.tags for example in batch]
        )
        for example, prediction in zip(batch, predictions, strict=True):
            yield count_image(prediction.label_map, prediction.certainty(), example.truth)


def _threshold(level: int) -> float | None:
    """Return the threshold of a level as it is written: five digits, equal to it in float32."""
    return None if level == NONE_ACCEPTED else round(float(LEVELS[level]), 5)


def _shares(names: Sequence[str], found: Outcome) -> dict[str, float | None]:
    shares = share_right(found.right, found.accepted).tolist()
    return {
        name: share if accepted else None
        for name, share, accepted in zip(names, shares, found.accepted.tolist(), strict=True)
    }
