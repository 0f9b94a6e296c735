"""COCO: objects outlined by polygons or run lengths, or boxed, in one JSON file for each split."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.coco_files import (
    MOST_ENTRIES,
    MOST_FILES,
    ImagePlace,
    folders_without_images,
    image_folder,
    instance_files,
    json_files,
    split_name,
)
from decouplednet.annotations.formats.coco_names import ClassNames, declare
from decouplednet.annotations.formats.coco_records import listed_images, read_records
from decouplednet.annotations.formats.coco_shapes import drawn_of
from decouplednet.annotations.formats.coco_tables import Drawn, Extent, ListedImage
from decouplednet.annotations.formats.file_faults import FileFaults
from decouplednet.annotations.formats.paths import is_laid_out_otherwise
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.image_files import name_of
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.classes import BACKGROUND, IGNORE
from decouplednet.errors import DataError

LONGEST = 2**26
"""Most characters of the shapes of one image: 64 million."""


@dataclass(frozen=True, slots=True)
class CocoSource:
    """A data set with annotations in COCO's form.

    Args:
        root: its folder.
        statement: what was found.
    """

    root: Path
    statement: str

    @property
    def name(self) -> str:
        """``coco``."""
        return "coco"

    @property
    def images(self) -> Path:
        """The folder ``images``, else the whole data set."""
        return image_folder(self.root)

    @property
    def apart(self) -> tuple[Path, ...]:
        """The folders of annotations, where they lie among the images."""
        return folders_without_images(self.root)

    @property
    def loose(self) -> bool:
        """Yes: the file name counts, as the folders are often those of another computer."""
        return True

    @property
    def splits(self) -> None:
        """There is no folder of splits: each annotation file is one."""
        return

    @property
    def class_file(self) -> Path:
        """The list in which a user may choose and order classes."""
        return self.root / "classes.txt"

    def declare(self) -> Declared:
        """Return the classes in the order of their ids; of several files each is a split too."""
        files = tuple(self.annotation_files())
        return declare(files, splits_of(self.root, files))

    def annotation_files(self) -> Iterator[Path]:
        """Yield the JSON files that outline or box objects."""
        yield from instance_files(json_files(self.root))

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what a file says of each of its images."""
        place = ImagePlace(self.root, file)
        yield from read_records(file, place.name, drawn_of, partial(_told, file))


def detect(root: Path) -> CocoSource | None:
    """Return the data set of a folder with annotations in COCO's form; None: it has none."""
    if is_laid_out_otherwise(root):
        return None
    try:
        found = instance_files(json_files(root, MOST_ENTRIES)[:MOST_FILES])
    except DataError:  # whoever reads the folder says why it cannot be
        return None
    return CocoSource(root, f"COCO, from {listed(root, found)}") if found else None


def listed(root: Path, files: list[Path]) -> str:
    """Return the first of some files of a data set as the user would type it, and how many more."""
    more = f" and {len(files) - 1} more" if files[1:] else ""
    return f"{files[0].relative_to(root).as_posix()}{more}"


def splits_of(root: Path, files: tuple[Path, ...]) -> dict[str, tuple[str, ...]]:
    """Return the images of each annotation file as a split, where there are several files.

    A file that cannot be read gives none; reading it says why.
    """
    splits: dict[str, tuple[str, ...]] = {}
    for file in files if files[1:] else ():
        try:
            images = listed_images(file, ImagePlace(root, file).name)
            names = tuple(name_of(image) for image in images)
        except DataError:
            continue
        split = split_name(root, file)
        splits[split] = tuple(dict.fromkeys((*splits.get(split, ()), *names)))
    return splits


def _told(
    file: Path, image: ListedImage, drawn: Iterator[Drawn], names: ClassNames, faults: FileFaults
) -> Said:
    """Return what the annotations of an image say: all classes that are not there are absent."""
    mask = _Mask(image, faults)
    for one in drawn:
        if one.class_id not in names.by_id:
            message = f'{_where(image, one)} is of an id that is not among the "categories"'
            faults.add("unknown-class-id", f"{message}; its pixels are ignored")
        mask.add(one, names.by_id.get(one.class_id))
    content = mask.content(file)
    tags, shown = frozenset(mask.tags), frozenset(mask.drawn if content else ())
    return Said(image.name, tags, mask=content, drawn=shown)


class _Mask:
    """Gathers the shapes of one image.

    Args:
        image: as the file lists it.
        faults: where faults go; an image with one has no mask, as nobody knows what is missing.
    """

    def __init__(self, image: ListedImage, faults: FileFaults) -> None:
        self.tags: set[str] = set()
        self.drawn: set[str] = set()
        self._image, self._faults = image, faults
        self._parts: list[str] = []
        self._length = 0
        self._rest = BACKGROUND
        self._sound = bool(image.size)

    def add(self, one: Drawn, name: str | None) -> None:
        """Take an annotation of a class; None: of none that counts."""
        if name:
            self.tags.add(name)
        if one.extent == Extent.FAULT:
            message = f"{_where(self._image, one)}: {one.shape}; the image has no mask"
            self._faults.add("bad-shape", message)
            self._sound = False
        elif one.extent != Extent.WHOLE:
            self._rest = IGNORE  # it is somewhere, and where it ends nobody says
        if one.extent in (Extent.WHOLE, Extent.PART) and self._has_room(one):
            spelt = json.dumps(None if one.crowd else name)
            self._parts.append(f'{{"class":{spelt},{one.shape[1:]}')
            self.drawn |= {name} if name and not one.crowd else set()

    def content(self, file: Path) -> Content | None:
        """Return what the mask is made of; None where the file does not say it."""
        if not self._sound or (self._rest == IGNORE and not self._parts):
            return None
        parts = ",".join(self._parts)
        more = f'{{"size":{self._image.size},"rest":{self._rest},"parts":[{parts}]}}'
        return Content(Kind.SHAPES, file, more)

    def _has_room(self, one: Drawn) -> bool:
        self._length += len(one.shape)
        if self._sound and self._length > LONGEST:
            self._sound = False
            message = f"image {self._image.name!r}: its shapes have more than {LONGEST} characters"
            self._faults.add("mask-too-large", f"{message}; the image has no mask")
        return self._sound


def _where(image: ListedImage, one: Drawn) -> str:
    return f"image {image.name!r}, annotation {one.id}"
