"""The catalogue of a data set: its classes, its images with their tags and masks, its splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.findings import refuse
from decouplednet.annotations.image_files import listed_name, name_of
from decouplednet.annotations.images import image_size
from decouplednet.annotations.index import Names, Records
from decouplednet.annotations.listing import read_listing
from decouplednet.annotations.masks import check_mask, classes_in
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList, nearest_name
from decouplednet.errors import DataError

__all__ = ["Catalogue", "Record"]

# Faults of one split: they are raised when that split is asked for, not before.
_OF_A_SPLIT = frozenset({"duplicate-split-id", "empty-split", "split-without-file"})


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a data set holds; no image or mask is open.

    Args:
        root: the data set's folder.
        format: ``native``, ``plain`` (see `layout_of`), ``voc``, ``coco``, ...
        classes: the classes of the tags and of the ids in the masks.
        records: all images, sorted by name; each is read from the index when it is asked for.
        splits: split name to image names, as listed.
        statement: what was found that tells the format.
    """

    root: Path
    format: str
    classes: ClassList
    records: Records
    splits: Mapping[str, tuple[str, ...]]
    statement: str = ""

    @classmethod
    def read(cls, root: Path) -> "Catalogue":
        """Return the catalogue of a folder in any format that is read, see ``formats.detect``.

        Raises:
            DataError: there is no such folder, it has no known layout, or its lists have faults;
                the message names the first and the command that lists all.
        """
        listing = read_listing(root)
        classes = listing.classes
        refuse([found for found in listing.findings if found.code not in _OF_A_SPLIT], root)
        if classes is None:  # it always comes with a finding
            raise DataError(f"{root}: there is no class list")
        source = listing.source
        return cls(root, source.name, classes, listing.records, listing.splits, source.statement)

    def record(self, name: str) -> Record:
        """Return the image of a name, with or without extension.

        Raises:
            DataError: there is no such image; the message names the nearest one.
        """
        index = self.records.data_index
        row = index.row(listed_name(name, Names(index)))
        if row is None:
            near = nearest_name(name_of(name), Names(index))
            hint = f"; did you mean {near!r}?" if near else ""
            raise DataError(f"{self.root}: there is no image {name!r}{hint}")
        return index.record(row)

    def split(self, name: str) -> Records:
        """Return the images of a split, in the order of its list.

        Raises:
            DataError: there is no such split, it is empty, or it names images that do not exist.
        """
        if name not in self.splits:
            raise DataError(f"{self.root}: there is no split {name!r}{self._known_splits(name)}")
        names = self.splits[name]
        if not names:
            raise DataError(f"{self.root}: the split {name!r} names no image")
        index = self.records.data_index
        rows = index.rows(names)
        missing = [listed for listed, row in zip(names, rows, strict=True) if row is None]
        if missing:
            raise DataError(
                f"{self.root}: the split {name!r} names {missing[0]!r}, which has no image "
                f"({len(missing)} of {len(names)} such names)"
            )
        return Records(index, [row for row in rows if row is not None])

    def with_splits(self, added: Mapping[str, Sequence[str]]) -> "Catalogue":
        """Return the catalogue with further splits; nothing is written.

        Args:
            added: split name to names of images.

        Raises:
            DataError: the data set has a split of that name.
        """
        for name in added:
            if name in self.splits:
                raise DataError(f"{self.root}: has a split {name!r} already; rename its list")
        splits = {**self.splits, **{name: tuple(images) for name, images in added.items()}}
        return replace(self, splits=splits)

    def mask_of(self, record: Record) -> NDArray[np.uint8]:
        """Return the mask of a record that has one: (H, W) uint8 ids of ``classes``, checked.

        Raises:
            DataError: the record has no mask, or it cannot be read, or `check_mask` refuses it.
        """
        if record.mask is None:
            raise DataError(f"{record.image}: the image has no mask")
        mask = record.mask.read()
        size = image_size(record.image)
        tags = record.mask.contradicting(record.tags)
        check_mask(mask, record.mask.path, size, len(self.classes), tags)
        return mask

    def tags_of(self, record: Record) -> frozenset[str] | None:
        """Return the tags of a record united with the classes of its mask; None: unlabelled.

        Raises:
            DataError: the mask is refused.
        """
        if record.mask is None:
            return record.tags
        return classes_in(self.mask_of(record), self.classes) | (record.tags or frozenset())

    def training_tags(self, record: Record, *, mask_given: bool) -> frozenset[str] | None:
        """Return the tags a record may give to a training run; None: unlabelled.

        A mask outside the run's budget must not correct the tags: it is read only when the run is
        given the mask, or when nothing else says what is on the image.

        Args:
            record: an image that gives tags.
            mask_given: whether the run also learns from its mask.

        Raises:
            DataError: the mask is refused.
        """
        if record.tags is not None and not mask_given:
            return record.tags
        return self.tags_of(record)

    def _known_splits(self, name: str) -> str:
        if not self.splits:
            return "; it has no splits"
        near = nearest_name(name, self.splits)
        listed = f"he splits are {', '.join(self.splits)}"
        return f"; did you mean {near!r}? T{listed}" if near else f"; t{listed}"
