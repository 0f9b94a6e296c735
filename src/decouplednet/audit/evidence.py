"""What model and masks say of the tags of images, gathered image by image."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.annotations.record import Record
from decouplednet.audit.features import FeatureTable, pooled
from decouplednet.classes import IGNORE
from decouplednet.errors import DataError
from decouplednet.evaluation.evaluate import unknown_classes
from decouplednet.evaluation.run_roles import RunRoles
from decouplednet.inference.batches import ahead, batched
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.segmenter import Segmenter

SHOWN, NOT_SHOWN, UNKNOWN = 1, 0, -1
MOST_IGNORED = 0.1
"""Share of 255 in a mask from which it no longer says that a class is absent."""

Progress = Callable[[Sequence[Record]], Iterable[Record]]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of N images and the L classes that model and data set have in common.

    Args:
        classes: names, in the order of the model.
        records: the images.
        tags: (N, L) bool, what the tags say.
        drawn: (N, L) int8, what the mask says: ``SHOWN``, ``NOT_SHOWN``, ``UNKNOWN``.
        learnt: (N,) bool, whether the model may have learnt the tags of the image.
        probability: (N, L) in [0, 1] by the model's own classifier.
        features: (N, D) of the encoder.
    """

    classes: tuple[str, ...]
    records: tuple[Record, ...]
    tags: NDArray[np.bool_]
    drawn: NDArray[np.int8]
    learnt: NDArray[np.bool_]
    probability: NDArray[np.float64]
    features: FeatureTable


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """An image (H, W, 3) and what its mask says of each class, (L,) int8."""

    record: Record
    image: NDArray[np.uint8]
    drawn: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What is known of one image, see ``Evidence``; each (L,)."""

    record: Record
    drawn: NDArray[np.int8]
    probability: NDArray[np.float64]


def gather(
    segmenter: Segmenter,
    catalogue: Catalogue,
    records: Sequence[Record],
    *,
    roles: RunRoles | None,
    progress: Progress = iter,
) -> tuple[Evidence, tuple[str, ...]]:
    """Return what model and masks say of tagged images, each of which is encoded once.

    Memory holds a few images, and of the others some numbers for each class.

    Args:
        segmenter: the model.
        catalogue: the data set.
        records: of the catalogue, with tags.
        roles: what the model learnt from; None: not known, so that it may be all of it.
        progress: shows how far the images are done.

    Returns:
        The evidence, and a line for each image that could not be read.

    Raises:
        DataError: the data set has no class of the model, or no image can be read.
    """
    predictor = segmenter.predictor()
    unknown = unknown_classes(predictor, catalogue)
    classes = tuple(name for name in segmenter.classes if name not in unknown)
    features, failures, rows = FeatureTable(), list[str](), list[_Row]()
    read = _read_each(catalogue, progress(records), classes, failures)
    for batch in ahead(batched(read, weigh=lambda one: one.image.shape[0] * one.image.shape[1])):
        rows += _rows(batch, predictor, classes, features)
    if not rows:
        raise DataError(f"{failures[0]} (no image could be read; {len(failures)} failed)")
    learnt = _learnt(rows, roles)
    return _evidence(rows, classes, learnt, features), tuple(failures)


def drawn_classes(
    mask: NDArray[np.uint8], catalogue: Catalogue, classes: Sequence[str]
) -> NDArray[np.int8]:
    """Return what a mask says of each class, (L,).

    Args:
        mask: (H, W) ids of the data set.
        catalogue: the data set.
        classes: L of its classes.
    """
    pixels = np.bincount(mask.ravel(), minlength=IGNORE + 1)
    absent = UNKNOWN if pixels[IGNORE] > MOST_IGNORED * mask.size else NOT_SHOWN
    shown = [pixels[catalogue.classes.index(name)] > 0 for name in classes]
    return np.where(shown, SHOWN, absent).astype(np.int8)


def _read_each(
    catalogue: Catalogue, records: Iterable[Record], classes: Sequence[str], failures: list[str]
) -> Iterator[_Read]:
    for record in records:
        try:
            drawn = np.full(len(classes), UNKNOWN, np.int8)
            if record.mask is not None:
                drawn = drawn_classes(catalogue.mask_of(record), catalogue, classes)
            yield _Read(record, read_image(record.image), drawn)
        except DataError as fault:
            failures.append(str(fault))


def _rows(
    batch: Sequence[_Read], predictor: Predictor, classes: Sequence[str], features: FeatureTable
) -> Iterator[_Row]:
    """Yield what is known of the images of a batch, and keep their features."""
    score, pool5 = predictor.scores_and_pool5([one.image for one in batch])
    probability = predictor.procedure.probability(score).cpu().numpy().astype(np.float64)
    frame = predictor.views()[0].frame
    sizes = [(one.image.shape[0], one.image.shape[1]) for one in batch]
    each = zip(pool5, sizes, strict=True)
    features.add(np.stack([pooled(of_image, frame, size) for of_image, size in each]))
    columns = [predictor.classes.index(name) - 1 for name in classes]
    for one, its in zip(batch, probability[:, columns], strict=True):
        yield _Row(one.record, one.drawn, its)


def _learnt(rows: Sequence[_Row], roles: RunRoles | None) -> NDArray[np.bool_]:
    if roles is None:
        return np.ones(len(rows), bool)
    names = {*roles.tags, *roles.masks, *roles.calibration}
    return np.array([_is_named(row.record, names) for row in rows])


def _is_named(record: Record, names: set[str]) -> bool:
    return record.name in names or f"{record.name}{record.image.suffix}" in names


def _evidence(
    rows: Sequence[_Row],
    classes: tuple[str, ...],
    learnt: NDArray[np.bool_],
    features: FeatureTable,
) -> Evidence:
    drawn = np.stack([row.drawn for row in rows])
    # A class that no mask shows may be one that nobody draws: then no mask says that it is absent.
    drawn[:, ~(drawn == SHOWN).any(axis=0)] = UNKNOWN
    return Evidence(
        classes=classes,
        records=tuple(row.record for row in rows),
        tags=np.array([[name in (row.record.tags or ()) for name in classes] for row in rows]),
        drawn=drawn,
        learnt=learnt,
        probability=np.stack([row.probability for row in rows]),
        features=features,
    )
