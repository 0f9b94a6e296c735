"""The pre-labels of a folder, read from its journal when they are needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.prelabel.folder import PrelabelFolder
from decouplednet.prelabel.journal import Journal
from decouplednet.prelabel.selection import Selected


@dataclass(frozen=True, slots=True, eq=False)
class Listing(Sequence[PreLabel]):
    """Pre-labels in the order of the data set; memory holds one at a time.

    Args:
        selected: the images.
        folder: of the pre-labels.
        journal: of that folder.
        root: the data set's folder.
        images: the folder of its images.
    """

    selected: Sequence[Selected]
    folder: PrelabelFolder
    journal: Journal
    root: Path
    images: Path

    def __len__(self) -> int:
        return len(self.selected)

    @overload
    def __getitem__(self, place: int) -> PreLabel: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[PreLabel]: ...

    def __getitem__(self, place: int | slice) -> PreLabel | Sequence[PreLabel]:
        if isinstance(place, slice):
            return [self._read(one) for one in self.selected[place]]
        return self._read(self.selected[place])

    def _read(self, one: Selected) -> PreLabel:
        record = one.record
        done = self.journal.done(record.name)
        return PreLabel(
            number=one.number,
            name=record.name,
            image=record.image,
            listed=record.image.relative_to(self.images).as_posix(),
            inside=record.image.relative_to(self.root).as_posix(),
            size=done.size,
            mask=self.folder.mask_of(record.name),
            tags=done.tags,
            confidence=done.confidence,
            of_class=done.of_class,
        )
