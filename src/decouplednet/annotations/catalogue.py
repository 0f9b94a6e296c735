"""The catalogue of a data set: its classes, its images with their tags and masks, its splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.findings import refuse
from decouplednet.annotations.images import image_size, listed_name, name_of
from decouplednet.annotations.layout import LayoutName
from decouplednet.annotations.listing import read_listing
from decouplednet.annotations.masks import check_mask, classes_in, read_mask
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
        layout: ``native``, ``plain`` (see `layout_of`) or ``voc``.
        classes: the classes of the tags and of the ids in the masks.
        records: all images, sorted by name.
        splits: split name to image names, as listed.
    """

    root: Path
    layout: LayoutName
    classes: ClassList
    records: tuple[Record, ...]
    splits: Mapping[str, tuple[str, ...]]
    _by_name: Mapping[str, Record] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the records by name."""
        object.__setattr__(self, "_by_name", {record.name: record for record in self.records})

    @classmethod
    def read(cls, root: Path) -> "Catalogue":
        """Return the catalogue of a folder in the native, the plain or the PASCAL VOC layout.

        Raises:
            DataError: there is no such folder, it has no known layout, or its lists have faults;
                the message names the first and the command that lists all.
        """
        listing = read_listing(root)
        classes = listing.classes
        refuse([found for found in listing.findings if found.code not in _OF_A_SPLIT], root)
        if classes is None:  # it always comes with a finding
            raise DataError(f"{root}: there is no class list")
        return cls(root, listing.layout.name, classes, listing.records, listing.splits)

    def record(self, name: str) -> Record:
        """Return the image of a name, with or without extension.

        Raises:
            DataError: there is no such image; the message names the nearest one.
        """
        found = self._by_name.get(listed_name(name, self._by_name))
        if found is None:
            near = nearest_name(name_of(name), self._by_name)
            hint = f"; did you mean {near!r}?" if near else ""
            raise DataError(f"{self.root}: there is no image {name!r}{hint}")
        return found

    def split(self, name: str) -> tuple[Record, ...]:
        """Return the images of a split, in the order of its list.

        Raises:
            DataError: there is no such split, it is empty, or it names images that do not exist.
        """
        if name not in self.splits:
            raise DataError(f"{self.root}: there is no split {name!r}{self._known_splits(name)}")
        names = self.splits[name]
        if not names:
            raise DataError(f"{self.root}: the split {name!r} names no image")
        missing = [listed for listed in names if listed not in self._by_name]
        if missing:
            raise DataError(
                f"{self.root}: the split {name!r} names {missing[0]!r}, which has no image "
                f"({len(missing)} of {len(names)} such names)"
            )
        return tuple(self._by_name[listed] for listed in names)

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
            DataError: the record has no mask, or `read_mask` or `check_mask` refuses it.
        """
        if record.mask is None:
            raise DataError(f"{record.image}: the image has no mask")
        mask = read_mask(record.mask)
        size = image_size(record.image)
        check_mask(mask, record.mask, size, len(self.classes), record.tags)
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
