"""Which images give tags to a training run, which give masks, and which are only scored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.index import Index, Records
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError
from decouplednet.settings import DataSettings

_FEWEST_TO_HOLD_OUT = 3
Rows = NDArray[np.bool_]  # one for each image of an index


@dataclass(frozen=True, slots=True)
class Roles:
    """The parts that images play in one run; each is sorted by name.

    Args:
        tags: images whose tags are learnt, by `Catalogue.training_tags`.
        masks: images whose masks are learnt.
        validation: images with masks that are only scored; may be empty.
        calibration: images with tags that nothing learns from, to calibrate probabilities by.
        unlabelled: number of images with neither tags nor a mask.
        overlapping: number of validation images that explicit splits also make give tags or masks.
    """

    tags: Sequence[Record]
    masks: Sequence[Record]
    validation: Sequence[Record]
    calibration: Sequence[Record]
    unlabelled: int
    overlapping: int


def masks_only(settings: DataSettings) -> DataSettings:
    """Return the same settings with tags of the masked images only: what the tags are worth."""
    return settings.model_copy(update={"tags_split": settings.masks_split})


def choose_classes(classes: ClassList, settings: DataSettings) -> ClassList:
    """Return the classes to learn: those of ``data.classes`` in its order, or all.

    Raises:
        DataError: a chosen class is not in the data set, or is chosen twice.
    """
    return _chosen(classes, settings.classes, "data.classes")


def choose_masked_classes(classes: ClassList, settings: DataSettings) -> ClassList:
    """Return the classes whose masks are learnt: those of ``data.masks_classes``, or all.

    Args:
        classes: the classes to learn.
        settings: the choice.

    Raises:
        DataError: a chosen class is not to be learnt, or is chosen twice.
    """
    return _chosen(classes, settings.masks_classes, "data.masks_classes")


def _chosen(classes: ClassList, names: tuple[str, ...] | None, setting: str) -> ClassList:
    if names is None:
        return classes
    chosen = tuple(composed(name) for name in names)
    for name in chosen:
        if name not in classes:
            raise DataError(f"{setting}: {classes.unknown(name)}")
    try:
        return ClassList(chosen)
    except DataError as fault:
        raise DataError(f"{setting}: {fault}") from None


def assign_roles(catalogue: Catalogue, settings: DataSettings, seed: int) -> Roles:
    """Return who does what; the same for the same images, settings and seed.

    A split that is named wins. Without a validation split, a share of the masked images that no
    named split claims is held out; images of validation then leave the roles that were not named.

    Args:
        catalogue: the data set.
        settings: the names of splits, and the share.
        seed: chooses the images that are held out.

    Raises:
        DataError: a named split does not exist or is empty, a named masks or validation split has
            an image without a mask, or no image gives tags, or none gives a mask.
    """
    index = catalogue.records.data_index
    masks = _masked_split(catalogue, settings.masks_split, "masks_split")
    tags = _split(catalogue, settings.tags_split)
    validation = _masked_split(catalogue, settings.validation_split, "validation_split")
    has_tags, has_mask = index.rows_where("tags NOT NULL"), index.rows_where("mask NOT NULL")
    named = _marked(tags, has_mask) | _marked(masks, has_mask)
    if validation is None:
        scored = _held_out(has_mask & ~named, settings.held_out, seed)
    else:
        scored = _marked(validation, has_mask)
    tagged = (~scored if tags is None else _marked(tags, has_mask)) & (has_tags | has_mask)
    drawn = (~scored if masks is None else _marked(masks, has_mask)) & has_mask
    calibration = _kept_for_calibration(
        tagged & has_tags & ~drawn, settings.calibration_share, seed
    )
    roles = Roles(
        tags=_records(index, tagged & ~calibration),
        masks=_records(index, drawn),
        validation=_records(index, scored),
        calibration=_records(index, calibration),
        unlabelled=int((~(has_tags | has_mask)).sum()),
        overlapping=int((scored & named).sum()),
    )
    _refuse_empty(catalogue, roles, settings, any_mask=bool(has_mask.any()))
    return roles


def check_classes_present(
    classes: ClassList, tags: Iterable[frozenset[str] | None], root: Path
) -> None:
    """Refuse to learn a class that no image shows.

    Args:
        classes: the classes to learn.
        tags: the tags of every image that gives tags.
        root: the data set, for the message.

    Raises:
        DataError: at least one class is on no image; the message names them.
    """
    present = frozenset[str]().union(*(one for one in tags if one))
    missing = [name for name in classes if name not in present]
    if missing:
        raise DataError(
            f"{root}: no image that gives tags shows {', '.join(missing)} ({len(missing)} of "
            f"{len(classes)} classes); tag some, or choose the others with data.classes"
        )


def _split(catalogue: Catalogue, name: str | None) -> Records | None:
    return None if name is None else catalogue.split(name)


def _masked_split(catalogue: Catalogue, name: str | None, setting: str) -> Records | None:
    records = _split(catalogue, name)
    if records is None:
        return None
    bare = records.rows[~records.data_index.rows_where("mask NOT NULL")[records.rows]]
    if len(bare):
        raise DataError(
            f"{catalogue.root}: data.{setting} = {name}: the image "
            f"{records.data_index.record(int(bare[0])).name!r} has no mask "
            f"({len(bare)} of {len(records)} such images)"
        )
    return records


def _marked(records: Records | None, like: Rows) -> Rows:
    """Return for each row of the index whether the records have it."""
    marked = np.zeros_like(like)
    if records is not None:
        marked[records.rows] = True
    return marked


def _records(index: Index, rows: Rows) -> Records:
    return Records(index, np.flatnonzero(rows))


def _held_out(free: Rows, share: float, seed: int) -> Rows:
    """Return a share of the masked images that no split claims: at least one of three or more."""
    masked = np.flatnonzero(free)
    held = np.zeros_like(free)
    if not share or len(masked) < _FEWEST_TO_HOLD_OUT:
        return held
    count = min(max(1, round(share * len(masked))), len(masked) - 1)
    held[masked[np.random.default_rng(seed).permutation(len(masked))[:count]]] = True
    return held


def _kept_for_calibration(free: Rows, share: float, seed: int) -> Rows:
    """Return a share of the images that have tags of their own and give no mask."""
    places = np.flatnonzero(free)
    order = np.random.default_rng((seed, len(places))).permutation(len(places))
    kept = np.zeros_like(free)
    kept[places[order[: round(share * len(places))]]] = True
    return kept


def _refuse_empty(
    catalogue: Catalogue, roles: Roles, settings: DataSettings, *, any_mask: bool
) -> None:
    if not roles.tags:
        where = f"in data.tags_split = {settings.tags_split}" if settings.tags_split else "in it"
        raise DataError(
            f"{catalogue.root}: no image {where} has tags; write rows into tags.csv, or name "
            "another data.tags_split"
        )
    if not any_mask:
        raise DataError(f"{catalogue.root}: no image has a mask; draw a few")
    if not roles.masks:
        raise DataError(
            f"{catalogue.root}: no image with a mask is left to train on; draw more, or hold out "
            "fewer with data.held_out or another data.validation_split"
        )
