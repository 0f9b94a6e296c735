"""COCO panoptic and COCO-Stuff: a PNG for each image, and a JSON file that explains its ids."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.coco import listed, splits_of
from decouplednet.annotations.formats.coco_files import (
    MOST_ENTRIES,
    MOST_FILES,
    FileKind,
    ImagePlace,
    folders_without_images,
    image_folder,
    json_files,
    kind_of,
)
from decouplednet.annotations.formats.coco_names import ClassNames, declare
from decouplednet.annotations.formats.coco_records import read_records
from decouplednet.annotations.formats.coco_tables import Drawn, Extent, ListedImage, key_of
from decouplednet.annotations.formats.file_faults import FileFaults
from decouplednet.annotations.formats.paths import is_laid_out_otherwise, within
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.image_files import name_of
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.errors import DataError

_STUFF = "_pixelmaps"
_NOTHING = "0"  # the id of pixels that nobody labelled, in both
_LONGEST_ID = 18  # digits


@dataclass(frozen=True, slots=True)
class PanopticSource:
    """A data set with PNGs of segments as in COCO panoptic, or of ids of classes as in COCO-Stuff.

    Args:
        root: its folder.
        statement: what was found.
    """

    root: Path
    statement: str

    @property
    def name(self) -> str:
        """``panoptic``."""
        return "panoptic"

    @property
    def images(self) -> Path:
        """The folder ``images``, else the whole data set."""
        return image_folder(self.root)

    @property
    def apart(self) -> tuple[Path, ...]:
        """The folders of PNGs and annotations, where they lie among the images."""
        folders = {folder for _, folder in _pairs(self.root, json_files(self.root))}
        return tuple(sorted({*folders, *folders_without_images(self.root)}))

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
        """Yield the JSON files that have a folder of PNGs."""
        yield from (file for file, _ in _pairs(self.root, json_files(self.root)))

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what a file says of each of its images; the PNGs are not opened."""
        name = ImagePlace(self.root, file).name
        folder = _folder(self.root, file)
        if folder is None:  # it was there a moment ago
            raise DataError(f"{file}: there is no folder {file.stem} with the PNGs of its segments")
        if folder.name.endswith(_STUFF):
            yield from read_records(file, name, _stuff_of, partial(_told_stuff, folder))
        else:
            yield from read_records(file, name, _segments_of, partial(_told_segments, folder))


def detect(root: Path) -> PanopticSource | None:
    """Return the data set of a folder with PNGs and files that explain them; None: it has none."""
    if is_laid_out_otherwise(root):
        return None
    try:
        found = [file for file, _ in _pairs(root, json_files(root, MOST_ENTRIES)[:MOST_FILES])]
    except DataError:  # whoever reads the folder says why it cannot be
        return None
    return PanopticSource(root, f"COCO panoptic, from {listed(root, found)}") if found else None


def _pairs(root: Path, files: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield the annotation files among some that have a folder of PNGs, and the folder."""
    for file in files:
        folder = _folder(root, file)
        if folder is not None:
            stuff = folder.name.endswith(_STUFF)
            if kind_of(file) == (FileKind.INSTANCES if stuff else FileKind.PANOPTIC):
                yield file, folder


def _folder(root: Path, file: Path) -> Path | None:
    """Return the folder of PNGs, which is named after the file and lies beside it or at the top."""
    for name in (file.stem, f"{file.stem}{_STUFF}"):
        for place in (file.parent, root):
            if (place / name).is_dir():
                return place / name
    return None


def _segments_of(annotation: Any) -> Drawn | None:
    """Return the segments of an image: JSON of the PNG's name and (id, class, crowd) of each."""
    image = key_of(annotation.get("image_id")) if isinstance(annotation, dict) else None
    if image is None:
        return None
    listed_segments = annotation.get("segments_info")
    picture = annotation.get("file_name")
    rows = []
    sound = isinstance(listed_segments, list) and isinstance(picture, str)
    for segment in listed_segments if sound else ():
        said = segment if isinstance(segment, dict) else {}
        number, class_id = key_of(said.get("id")) or "", key_of(said.get("category_id"))
        rows.append((number, class_id, said.get("iscrowd") in (1, True)))
        sound = sound and number.isdecimal() and len(number) < _LONGEST_ID
    if not sound:
        fault = 'it needs a "file_name" and "segments_info", a list of segments with whole ids'
        return Drawn(image, 0.0, "", Extent.FAULT, fault, False, "")
    shape = json.dumps({"picture": picture, "segments": rows})
    return Drawn(image, 0.0, "", Extent.WHOLE, shape, False, "")


def _told_segments(
    folder: Path, image: ListedImage, drawn: Iterator[Drawn], names: ClassNames, faults: FileFaults
) -> Said:
    """Return what the segments of an image say; an image without any says nothing."""
    first = next(drawn, None)
    if first is None:
        return Said(image.name)
    if first.extent == Extent.FAULT:
        faults.add("bad-annotation", f"image {image.name!r}: {first.shape}; it has no mask")
        return Said(image.name)
    if next(drawn, None) is not None:
        faults.add("duplicate-annotation", f"image {image.name!r} has two; the first counts")
    shape = json.loads(first.shape)
    classes: dict[str, str | None] = {_NOTHING: None}
    tags = set()
    for number, class_id, crowd in shape["segments"]:
        if class_id not in names.by_id:
            _unknown(f"image {image.name!r}, segment {number}", class_id, faults)
        name = names.by_id.get(class_id)
        tags |= {name} if name else set()
        classes[number] = None if crowd else name
    return _said(image, folder, shape["picture"], _Ids("colours", classes, tags), faults)


def _stuff_of(annotation: Any) -> Drawn | None:
    """Return the class that an annotation says is on an image; the PNG says where."""
    image = key_of(annotation.get("image_id")) if isinstance(annotation, dict) else None
    class_id = key_of(annotation.get("category_id")) if image is not None else None
    return Drawn(image, 0.0, class_id or "", Extent.NONE, "", False, "") if image else None


def _told_stuff(
    folder: Path, image: ListedImage, drawn: Iterator[Drawn], names: ClassNames, faults: FileFaults
) -> Said:
    """Return what a PNG of ids of classes says; the file names those that are in it."""
    classes: dict[str, str | None] = {}
    for one in drawn:
        if one.class_id not in names.by_id:
            _unknown(f"image {image.name!r}", one.class_id, faults)
        if one.class_id.isdecimal() and len(one.class_id) < _LONGEST_ID:
            classes[one.class_id] = names.by_id.get(one.class_id)
    if not classes:
        return Said(image.name)
    tags = {name for name in classes.values() if name}
    stem = name_of(image.name).rpartition("/")[2]
    ids = _Ids("numbers", {_NOTHING: None, **classes}, tags)
    return _said(image, folder, f"{stem}.png", ids, faults)


@dataclass(frozen=True, slots=True)
class _Ids:
    """What the ids in a PNG are.

    Args:
        form: ``colours`` or ``numbers``.
        classes: the class of each id, as in `mask_kinds.segments`.
        tags: the classes that are on the image, drawn or not.
    """

    form: str
    classes: dict[str, str | None]
    tags: set[str]


def _said(image: ListedImage, folder: Path, picture: str, ids: _Ids, faults: FileFaults) -> Said:
    tags = frozenset(ids.tags)
    path = within(folder, picture)
    if path is None:
        message = f"image {image.name!r}: {picture!r} is no file in {folder.name}"
        faults.add("bad-annotation", f"{message}; it has no mask")
        return Said(image.name, tags)
    details = {"ids": ids.form, "classes": ids.classes, "others": None}
    more = json.dumps(details, separators=(",", ":"))
    shown = frozenset(name for name in ids.classes.values() if name)
    return Said(image.name, tags, mask=Content(Kind.SEGMENTS, path, more), drawn=shown)


def _unknown(where: str, class_id: str | None, faults: FileFaults) -> None:
    message = f'{where}: the id {class_id} is not among the "categories"; its pixels are ignored'
    faults.add("unknown-class-id", message)
