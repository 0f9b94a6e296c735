"""Which masks a model has not learnt from, by which its pixels can be checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.counts import count
from decouplednet.errors import DataError
from decouplednet.evaluation.run_roles import RunRoles, read_run_roles

_REMEDY = "name a split with masks that the model has not learnt from: --held-out SPLIT"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Images whose masks a model has not learnt from, as far as that is known.

    Args:
        records: with masks, at least one.
        source: where they are named, such as ``the split 'val'``.
        without_mask: how many others are named there that have no mask.
        known: whether a run says what the model learnt from.
    """

    records: tuple[Record, ...]
    source: str
    without_mask: int
    known: bool


def held_out_masks(catalogue: Catalogue, model: Path, split: str | None = None) -> HeldOut:
    """Return the images by which the pixels of a model can be checked.

    Args:
        catalogue: the data set.
        model: a run folder or its ``model/``.
        split: names them; None: those that the run kept for scoring.

    Raises:
        DataError: none are named and no run kept some that the data set has; none has a mask; or
            the model was trained on the mask of one. Or ``run.json`` is damaged.
    """
    roles = read_run_roles(model)
    if split is None:
        source, named = "the images that its run kept for scoring", _scored(catalogue, model, roles)
    else:
        source, named = f"the split {split!r}", tuple(catalogue.split(split))
    masked = tuple(record for record in named if record.mask is not None)
    if not masked:
        raise DataError(f"{catalogue.root}: {source}: none has a mask; {_REMEDY}")
    _check_unlearnt(catalogue, masked, roles, source)
    return HeldOut(masked, source, len(named) - len(masked), roles is not None)


def _scored(catalogue: Catalogue, model: Path, roles: RunRoles | None) -> tuple[Record, ...]:
    """Return the images that a run kept for scoring."""
    if roles is None:
        raise DataError(
            f"{model}: no run.json lies beside it, which would say what masks it has not learnt "
            f"from; {_REMEDY}"
        )
    if not roles.validation:
        raise DataError(f"{model}: its run kept no image for scoring; {_REMEDY}")
    found = _of_names(catalogue, roles.validation)
    lost = len(roles.validation) - len(found)
    if lost:
        raise DataError(
            f"{catalogue.root}: {lost} of the {count(len(roles.validation), 'image')} that the run "
            f"of {model} kept for scoring are not in it; {_REMEDY}"
        )
    return found


def _of_names(catalogue: Catalogue, names: Sequence[str]) -> tuple[Record, ...]:
    """Return the records that a data set has of some names."""
    found = list[Record]()
    for name in names:
        try:
            found.append(catalogue.record(name))
        except DataError:
            continue
    return tuple(found)


def _check_unlearnt(
    catalogue: Catalogue, records: Sequence[Record], roles: RunRoles | None, source: str
) -> None:
    learnt = set(_of_names(catalogue, roles.masks if roles else ()))
    seen = [record.name for record in records if record in learnt]
    if seen:
        raise DataError(
            f"{catalogue.root}: {source}: the model was trained on the masks of {len(seen)} of "
            f"{len(records)}, such as {seen[0]!r}, which say nothing of other images; {_REMEDY}"
        )
