"""Which images give tags to a training run, which give masks, and which are only scored."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError
from decouplednet.settings import DataSettings

_FEWEST_TO_HOLD_OUT = 3


@dataclass(frozen=True, slots=True)
class Roles:
    """The parts that images play in one run; each is sorted by name.

    Args:
        tags: images whose tags are learnt, by `Catalogue.training_tags`.
        masks: images whose masks are learnt.
        validation: images with masks that are only scored; may be empty.
        unlabelled: number of images with neither tags nor a mask.
        calibration: images with tags that nothing learns from, to calibrate probabilities by.
        overlapping: number of validation images that explicit splits also make give tags or masks.
    """

    tags: tuple[Record, ...]
    masks: tuple[Record, ...]
    validation: tuple[Record, ...]
    unlabelled: int
    overlapping: int
    calibration: tuple[Record, ...] = ()


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
    masks = _masked_split(catalogue, settings.masks_split, "masks_split")
    tags = _split(catalogue, settings.tags_split)
    validation = _masked_split(catalogue, settings.validation_split, "validation_split")
    if validation is None:
        claimed = {record.name for record in (*(masks or ()), *(tags or ()))}
        validation = _held_out(catalogue, claimed, settings.held_out, seed)
    scored = {record.name for record in validation}
    free = tuple(record for record in catalogue.records if record.name not in scored)
    tagged = _sorted(record for record in tags or free if _is_labelled(record))
    drawn = _sorted(record for record in masks or free if record.mask is not None)
    calibration = _kept_for_calibration(tagged, drawn, settings.calibration_share, seed)
    roles = Roles(
        tags=tuple(record for record in tagged if record not in calibration),
        masks=drawn,
        validation=_sorted(validation),
        unlabelled=sum(not _is_labelled(record) for record in catalogue.records),
        overlapping=len(scored & {record.name for record in (*(tags or ()), *(masks or ()))}),
        calibration=calibration,
    )
    _refuse_empty(catalogue, roles, settings)
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


def _split(catalogue: Catalogue, name: str | None) -> tuple[Record, ...] | None:
    return None if name is None else catalogue.split(name)


def _masked_split(
    catalogue: Catalogue, name: str | None, setting: str
) -> tuple[Record, ...] | None:
    records = _split(catalogue, name)
    bare = [record.name for record in records or () if record.mask is None]
    if bare:
        raise DataError(
            f"{catalogue.root}: data.{setting} = {name}: the image {bare[0]!r} has no mask "
            f"({len(bare)} of {len(records or ())} such images)"
        )
    return records


def _held_out(
    catalogue: Catalogue, claimed: set[str], share: float, seed: int
) -> tuple[Record, ...]:
    """Return a share of the masked images that no split claims: at least one of three or more."""
    masked = [r for r in catalogue.records if r.mask is not None and r.name not in claimed]
    if not share or len(masked) < _FEWEST_TO_HOLD_OUT:
        return ()
    count = min(max(1, round(share * len(masked))), len(masked) - 1)
    chosen = np.random.default_rng(seed).permutation(len(masked))[:count]
    return tuple(masked[int(index)] for index in chosen)


def _kept_for_calibration(
    tagged: tuple[Record, ...], drawn: tuple[Record, ...], share: float, seed: int
) -> tuple[Record, ...]:
    """Return a share of the images that have tags of their own and give no mask."""
    masked = {record.name for record in drawn}
    free = [record for record in tagged if record.tags is not None and record.name not in masked]
    order = np.random.default_rng((seed, len(free))).permutation(len(free))
    return _sorted(free[int(index)] for index in order[: round(share * len(free))])


def _is_labelled(record: Record) -> bool:
    return record.tags is not None or record.mask is not None


def _sorted(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda record: record.name))


def _refuse_empty(catalogue: Catalogue, roles: Roles, settings: DataSettings) -> None:
    if not roles.tags:
        where = f"in data.tags_split = {settings.tags_split}" if settings.tags_split else "in it"
        raise DataError(
            f"{catalogue.root}: no image {where} has tags; write rows into tags.csv, or name "
            "another data.tags_split"
        )
    if not any(record.mask for record in catalogue.records):
        raise DataError(f"{catalogue.root}: no image has a mask; draw a few")
    if not roles.masks:
        raise DataError(
            f"{catalogue.root}: no image with a mask is left to train on; draw more, or hold out "
            "fewer with data.held_out or another data.validation_split"
        )
