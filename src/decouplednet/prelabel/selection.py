"""Which images of a data set are pre-labelled, and under which tags."""

from dataclasses import dataclass

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.errors import DataError


@dataclass(frozen=True, slots=True)
class Selected:
    """An image to pre-label.

    Args:
        record: the image.
        number: its place among all of the data set, from 1.
        tags: classes that people said are on it, in the order of the class list; None: nobody
            said, and the model decides.
    """

    record: Record
    number: int
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images are pre-labelled.

    Args:
        images: in the order of the data set.
        untagged: number of images left out because nobody tagged them.
        masked: number of images left out because they have a mask.
        failures: one line for each image whose mask cannot be read.
    """

    images: tuple[Selected, ...]
    untagged: int
    masked: int
    failures: tuple[str, ...]


def select(catalogue: Catalogue, *, split: str | None, every: bool) -> Selection:
    """Return the tagged images without a mask; all images where every one is asked for.

    The tags of an image with a mask are its row united with the classes of the mask.

    Args:
        catalogue: the data set.
        split: name of the images to choose from; None: all.
        every: also those that have a mask or no tags.

    Raises:
        DataError: there is no such split, or no image is left.
    """
    records = catalogue.records if split is None else catalogue.split(split)
    numbers = {record.name: number for number, record in enumerate(catalogue.records, start=1)}
    chosen, failures, untagged, masked = list[Selected](), list[str](), 0, 0
    for record in sorted(records, key=lambda record: numbers[record.name]):
        if not every and record.mask is not None:
            masked += 1
        elif not every and record.tags is None:
            untagged += 1
        else:
            try:
                tags = _tags(catalogue, record)
            except DataError as fault:
                failures.append(str(fault))
                continue
            chosen.append(Selected(record, numbers[record.name], tags))
    if not chosen and not failures:
        where = f" of the split {split!r}" if split else ""
        raise DataError(
            f"{catalogue.root}: no image{where} is to be pre-labelled: {untagged} have no tags, "
            f"{masked} have a mask; --all takes these too"
        )
    return Selection(tuple(chosen), untagged, masked, tuple(failures))


def _tags(catalogue: Catalogue, record: Record) -> tuple[str, ...] | None:
    tags = catalogue.tags_of(record)
    return None if tags is None else tuple(name for name in catalogue.classes if name in tags)
