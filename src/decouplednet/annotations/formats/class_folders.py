"""Folders of images, each called as what is on its images: tags, and no mask."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from decouplednet.annotations.class_file import read_classes
from decouplednet.annotations.findings import Finding
from decouplednet.annotations.folder_names import (
    NOTHING,
    SPLIT_FOLDERS,
    class_of_folder,
    may_be_class,
)
from decouplednet.annotations.formats.heads import some_entries
from decouplednet.annotations.formats.paths import is_laid_out_otherwise
from decouplednet.annotations.formats.refusals import BAD_NAME
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.image_files import holds_image, is_image_name
from decouplednet.errors import DataError

_FOLDERS = 20  # that are looked at to tell the format
# Files that hold annotations of a tool, beside images or in the data set's folder.
_ANNOTATIONS = frozenset({".csv", ".json", ".tsv", ".txt", ".xml", ".yaml", ".yml"})
_NO_ANNOTATIONS = frozenset({"classes.txt", "license.txt", "readme.txt"})
_OF_TOOLS = frozenset({"annotations", "images", "labels", "masks"})  # folders


@dataclass(frozen=True, slots=True)
class ClassFoldersSource:
    """A folder for each class, or such folders in a folder for each split.

    Args:
        root: the data set's folder.
        by_split: whether the folders of classes lie in folders of splits.
    """

    root: Path
    by_split: bool

    @property
    def name(self) -> str:
        """``class_folders``."""
        return "class_folders"

    @property
    def statement(self) -> str:
        """What was found."""
        folders = _class_folders(self.root, by_split=self.by_split)
        named = sorted({folder.name for folder in folders})
        listed = ", ".join(named[:5]) + (", ..." if named[5:] else "")
        within = " in folders of splits" if self.by_split else ""
        return f"folders called as classes{within}: {listed}"

    @property
    def images(self) -> Path:
        """The whole folder."""
        return self.root

    @property
    def apart(self) -> tuple[Path, ...]:
        """No folder."""
        return ()

    @property
    def loose(self) -> bool:
        """No: names are whole paths."""
        return False

    @property
    def splits(self) -> Path:
        """The folder of splits, where lists may lie besides."""
        return self.root / "splits"

    @property
    def class_file(self) -> Path:
        """The class list, if there is to be one."""
        return self.root / "classes.txt"

    def declare(self) -> Declared:
        """Return the splits, and the folders whose class is not clear."""
        faults = map(_fault, _class_folders(self.root, by_split=self.by_split))
        findings = tuple(fault for fault in faults if fault is not None)
        if not self.by_split:
            return Declared(findings=findings)
        splits = {split.name: tuple(self._images_of(split)) for split in _folders(self.root)}
        return Declared(findings=findings, splits=splits)

    def annotation_files(self) -> Iterator[Path]:
        """Yield the folders of classes, which stand for what is said of the images in them."""
        for folder in _class_folders(self.root, by_split=self.by_split):
            if class_of_folder(folder.name) is not None:
                yield folder

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield the class of each image in a folder.

        Raises:
            DataError: the folder may not be read.
        """
        name = class_of_folder(file.name)
        tags = frozenset((name,)) if name and name != NOTHING else frozenset[str]()
        for entry in _entries(file):
            if is_image_name(entry.name):
                yield Said(self._path(entry), tags=tags)
            elif _is_folder(entry) and holds_image(Path(entry.path)):
                message = (
                    f"lies in the folder of the class {file.name!r}, so it is not clear which of "
                    "the two is the class; move its images up into the folder of their class"
                )
                yield Finding("nested-classes", entry.path, message)

    def _images_of(self, split: Path) -> Iterator[str]:
        for folder in _folders(split):
            yield from (
                self._path(entry) for entry in _entries(folder) if is_image_name(entry.name)
            )

    def _path(self, entry: os.DirEntry[str]) -> str:
        return Path(entry.path).relative_to(self.root).as_posix()


def detect(root: Path) -> ClassFoldersSource | None:
    """Return a folder whose images lie in folders of classes, if at least two hold images.

    Nothing else may say what is on the images: no list, no file of a tool. Where there is a class
    list, it must name the folders.
    """
    if is_laid_out_otherwise(root) or _has_annotations(root):
        return None
    try:
        own = _folders(root)
        if any(folder.name.casefold() in _OF_TOOLS for folder in own):
            return None
        by_split = bool(own) and all(folder.name.casefold() in SPLIT_FOLDERS for folder in own)
        folders = list(islice(_class_folders(root, by_split=by_split), _FOLDERS))
    except DataError:
        return None
    if any(map(_has_annotations, folders)):
        return None
    named = {class_of_folder(folder.name) for folder in folders if _holds_images(folder)} - {None}
    known = len(named) > 1 and named <= _listed(root, named)
    return ClassFoldersSource(root, by_split) if known else None


def _listed(root: Path, otherwise: set[str | None]) -> set[str | None]:
    """Return what the class list names, if there is one."""
    file = root / "classes.txt"
    if not file.is_file():
        return otherwise
    try:
        return {*read_classes(file), NOTHING}
    except DataError:
        return set()


def _fault(folder: Path) -> Finding | None:
    """Return why a folder that may name a class does not, if it holds images."""
    if not may_be_class(folder.name) or not holds_image(folder):
        return None
    if class_of_folder(folder.name) is None:
        message = (
            "no class can be called as this folder, because of a ; or , or spaces at its ends; "
            "rename it"
        )
        return Finding(BAD_NAME, str(folder), message)
    if _holds_images(folder):
        return None
    message = (
        "holds images only in the folders in it, so it is not clear what their class is called; "
        f"move these folders up into {folder.parent}, or their images into this one"
    )
    return Finding("nested-classes", str(folder), message)


def _class_folders(root: Path, *, by_split: bool) -> Iterator[Path]:
    """Yield the folders that may be called as classes.

    Raises:
        DataError: a folder may not be read.
    """
    for folder in _folders(root):
        if by_split:
            yield from _folders(folder)
        elif folder.name != "splits":
            yield folder


def _has_annotations(folder: Path) -> bool:
    """Tell whether one of the first files of a folder may hold annotations."""
    return any(
        Path(name).suffix.lower() in _ANNOTATIONS and name.lower() not in _NO_ANNOTATIONS
        for name in _first_files(folder)
    )


def _holds_images(folder: Path) -> bool:
    return any(map(is_image_name, _first_files(folder)))


def _first_files(folder: Path) -> list[str]:
    return [path.name for path in some_entries(folder)[1]]


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted, without hidden ones.

    Raises:
        DataError: the folder may not be read.
    """
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder that is not hidden."""
    try:
        return not entry.name.startswith(".") and entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, sorted by name.

    Raises:
        DataError: the folder may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as fault:
        raise DataError(f"{folder}: cannot be read: {fault.strerror}") from None
