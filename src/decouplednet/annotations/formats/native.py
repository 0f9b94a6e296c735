"""The native layout and a plain folder of images: masks of ids, and the table ``tags.csv``."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.class_file import read_classes
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.formats.table_rows import said_of_rows
from decouplednet.annotations.image_files import find_images, name_of
from decouplednet.annotations.layout import Layout
from decouplednet.annotations.mask_content import index_mask
from decouplednet.annotations.masks import MASK_SUFFIX
from decouplednet.annotations.tags import read_rows
from decouplednet.errors import DataError


@dataclass(frozen=True, slots=True)
class NativeSource:
    """A data set in the native layout, or a plain folder of images.

    Args:
        layout: where the parts lie.
    """

    layout: Layout

    @property
    def name(self) -> str:
        """``native`` or ``plain``."""
        return self.layout.name

    @property
    def statement(self) -> str:
        """What was found."""
        if self.layout.name == "plain":
            return f"a plain folder of images with {self.layout.classes.name}"
        return f"native layout, from {self.layout.images.name}/"

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.layout.images

    @property
    def apart(self) -> tuple[Path, ...]:
        """The folders of masks and splits, where they lie among the images."""
        return (self.layout.masks, self.layout.splits) if self.layout.name == "plain" else ()

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
        """The class list."""
        return self.layout.classes

    def declare(self) -> Declared:
        """Return the class list."""
        return declared_in(self.layout)

    def annotation_files(self) -> Iterator[Path]:
        """Yield the masks, then the table of tags."""
        yield from mask_files(self.layout)
        if os.path.lexists(self.layout.tags):
            yield self.layout.tags

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what a mask or the table says."""
        yield from table_of(file) if file == self.layout.tags else mask_of(self.layout, file)


def declared_in(layout: Layout) -> Declared:
    """Return the class list of a layout, with its faults and those of the folders."""
    try:
        return Declared(read_classes(layout.classes), tuple(folder_faults(layout)))
    except DataError as fault:
        return Declared(None, (class_fault(layout.classes, fault), *folder_faults(layout)))


def class_fault(path: Path, fault: DataError) -> Finding:
    """Return the finding of a class list that cannot be read."""
    empty = not path.exists() or path.stat().st_size == 0
    return finding_of("no-classes" if empty else "bad-classes", path, fault)


def folder_faults(layout: Layout) -> Iterator[Finding]:
    """Yield what lies where a folder may lie and cannot be read, such as a link to nowhere."""
    for folder in (layout.masks, layout.splits, layout.objects):
        if folder is None or not os.path.lexists(folder):
            continue
        try:
            os.scandir(folder).close()
        except OSError as fault:
            message = f"is no folder that can be read ({fault.strerror}); mend it or remove it"
            yield Finding("bad-folder", str(folder), message)


def mask_files(layout: Layout) -> tuple[Path, ...]:
    """Return the files in the folder of masks that are named like images."""
    return find_images(layout.masks).images if layout.masks.is_dir() else ()


def mask_of(layout: Layout, file: Path) -> Iterator[Said | Finding]:
    """Yield the mask of an image, or why it is none; nothing is opened."""
    if file.suffix.lower() != MASK_SUFFIX:
        message = "a mask is a PNG, because other formats may change ids; export it as PNG"
        yield Finding("mask-format", str(file), message)
        return
    name = name_of(file.relative_to(layout.masks).as_posix())
    yield Said(name, mask=index_mask(file))


def table_of(file: Path) -> Iterator[Said | Finding]:
    """Yield the rows of the table, which may be another tool's, or why it cannot be read."""
    try:
        for row in read_rows(file):
            if isinstance(row, Finding):
                yield row
            else:
                yield Said(row.image, row.tags, line=row.line, once=True)
    except DataError as fault:
        yield from _other_table(file, fault)


def _other_table(file: Path, fault: DataError) -> Iterator[Said | Finding]:
    """Yield the rows of a table with another first line; if it is none of those, the fault."""
    try:
        yield from said_of_rows(file)
    except DataError:
        yield finding_of("bad-tags", file, fault)
