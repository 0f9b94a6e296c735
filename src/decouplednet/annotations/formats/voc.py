"""PASCAL VOC: masks of ids, object files whose names are tags, twenty classes unless others."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.formats.native import (
    declared_in,
    folder_faults,
    mask_files,
    mask_of,
    table_of,
)
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.layout import Layout
from decouplednet.annotations.voc import VOC_CLASSES, read_objects
from decouplednet.errors import DataError


@dataclass(frozen=True, slots=True)
class VocSource:
    """A PASCAL VOC folder.

    Args:
        layout: where the parts lie.
    """

    layout: Layout

    @property
    def name(self) -> str:
        """``voc``."""
        return self.layout.name

    @property
    def statement(self) -> str:
        """What was found."""
        return f"PASCAL VOC, from {self.layout.images.name}/"

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.layout.images

    @property
    def apart(self) -> tuple[Path, ...]:
        """Nothing: the images have a folder of their own."""
        return ()

    @property
    def loose(self) -> bool:
        """No: names are whole paths."""
        return False

    @property
    def splits(self) -> Path:
        """The folder of splits."""
        return self.layout.splits

    @property
    def class_file(self) -> Path:
        """The class list, which a VOC folder may have."""
        return self.layout.classes

    def declare(self) -> Declared:
        """Return the class list, else VOC's twenty classes."""
        if not os.path.lexists(self.layout.classes):
            return Declared(VOC_CLASSES, tuple(folder_faults(self.layout)), guessed=True)
        return declared_in(self.layout)

    def annotation_files(self) -> Iterator[Path]:
        """Yield the masks, the table of tags, and the object files."""
        yield from mask_files(self.layout)
        if os.path.lexists(self.layout.tags):
            yield self.layout.tags
        if self.layout.objects is not None:
            yield from sorted(self.layout.objects.glob("*.xml"))

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what a mask, the table or an object file says."""
        if file == self.layout.tags:
            yield from table_of(file)
        elif file.parent == self.layout.objects:
            yield from _objects_of(file)
        else:
            yield from mask_of(self.layout, file)


def _objects_of(file: Path) -> Iterator[Said | Finding]:
    """Yield the objects of an image; one that is not there is left to other uses of VOC."""
    try:
        yield Said(f"{file.stem}.jpg", read_objects(file), optional=True)
    except DataError as fault:
        yield finding_of("bad-objects", file, fault)
