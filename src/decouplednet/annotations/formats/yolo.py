"""YOLO: a text file for each image, with an outline or a box in shares of its size on each line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from decouplednet.annotations.files import read_lines
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.formats.coco_files import MOST_ENTRIES, entries
from decouplednet.annotations.formats.file_faults import FileFaults
from decouplednet.annotations.formats.paths import image_name, is_laid_out_otherwise, within
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.formats.yolo_data import YoloData, find_data, read_data
from decouplednet.annotations.formats.yolo_labels import YoloLabels
from decouplednet.annotations.image_files import find_images, name_of
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

LARGEST = 2**24
"""Most bytes of the labels of one image: 16 million."""

MOST = 100_000
"""Most lines of the labels of one image."""

_SPLITS = ("train", "val", "valid", "test")
_LABEL = re.compile(r"\s*[0-9]{1,6}(\s+-?[0-9.]+(e-?[0-9]+)?){4,}")
_NO_LABELS = frozenset({"classes.txt"})
_NO_CLASS = "names no class; list them under names:, or in classes.txt"


@dataclass(frozen=True)
class YoloSource:
    """A data set with labels as YOLO is trained from.

    Args:
        root: its folder.
        data: the file that names the classes.
    """

    root: Path
    data: YoloData

    @property
    def name(self) -> str:
        """``yolo``."""
        return "yolo"

    @property
    def statement(self) -> str:
        """What was found."""
        named = self.data.path.name if self.data.path else "no names of classes"
        folders = (labels.relative_to(self.root).as_posix() for labels, _ in self._folders)
        return f"YOLO, from {', '.join(folders)} and {named}"

    @cached_property
    def images(self) -> Path:
        """The one folder of images, else the whole data set."""
        return self._folders[0][1] if len(self._folders) == 1 else self.root

    @property
    def apart(self) -> tuple[Path, ...]:
        """The folders of labels, where they lie among the images."""
        return tuple(labels for labels, images in self._folders if images != self.images)

    @property
    def loose(self) -> bool:
        """No: labels lie at the paths of their images."""
        return False

    @property
    def splits(self) -> None:
        """There is no folder of splits: data.yaml or the folders of the images say them."""
        return

    @property
    def class_file(self) -> Path:
        """The file that names the classes."""
        return self.data.path or self.root / "data.yaml"

    @cached_property
    def _folders(self) -> list[tuple[Path, Path]]:
        return _folders(self.root)

    @cached_property
    def _names(self) -> dict[int, str | None]:
        return dict(self.data.names)

    def declare(self) -> Declared:
        """Return the classes in the order of their numbers, and the splits."""
        order = tuple(dict.fromkeys(name for name in self._names.values() if name))
        findings = list(self.data.findings)
        splits: dict[str, tuple[str, ...]] = {}
        try:
            splits = dict(self._splits())
        except DataError as fault:
            findings.append(finding_of("unreadable-list", self.root, fault))
        try:
            return Declared(ClassList(order), tuple(findings), splits, guessed=True)
        except DataError as fault:
            if order or not findings:
                code, said = ("bad-classes", str(fault)) if order else ("no-classes", _NO_CLASS)
                findings.append(Finding(code, str(self.class_file), said))
            return Declared(None, tuple(findings), splits)

    def annotation_files(self) -> Iterator[Path]:
        """Yield the labels, one file for each image that somebody looked at."""
        for labels, _ in self._folders:
            for path in find_images(labels).skipped:
                if path.suffix == ".txt" and path.name not in _NO_LABELS:
                    yield path

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what the labels of an image say; an empty file: looked at, none of the classes."""
        if not file.is_file():
            raise DataError(f"{file}: it is no regular file")
        if file.stat().st_size > LARGEST:
            raise DataError(f"{file}: has more than {LARGEST} bytes, which no labels have")
        lines = read_lines(file)
        if len(lines) > MOST:
            raise DataError(f"{file}: has more than {MOST} lines, which no labels have")
        labels = YoloLabels(self._names, FileFaults(file), keypoints=self.data.keypoints)
        for number, line in enumerate(lines, start=1):
            if line.strip():
                labels.add(number, line)
        yield labels.said(self._image_of(file), file)
        yield from labels.faults

    def _image_of(self, file: Path) -> str:
        """Return the path of the image of a file of labels, without its extension."""
        for labels, images in self._folders:
            if file.is_relative_to(labels):
                image = images / file.relative_to(labels).with_name(file.name.removesuffix(".txt"))
                return image.relative_to(self.images).as_posix()
        raise DataError(f"{file}: lies in no folder of labels")

    def _splits(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each split with the images that lie where data.yaml says, else in its folder."""
        said = {split: list(self._listed(places)) for split, places in self.data.splits}
        if not any(said.values()):
            said = {split: list(self._listed((split,))) for split in _SPLITS}
        for split, names in said.items():
            if names:
                yield split, tuple(dict.fromkeys(names))

    def _listed(self, places: tuple[str, ...]) -> Iterator[str]:
        """Yield the names of the images in some folders and lists within the data set."""
        for place in map(image_name, places):
            folder = next((path for path in self._places(place) if path.is_dir()), None)
            listed = within(self.root, place)
            if folder is not None:
                yield from (
                    name_of(path.relative_to(self.images).as_posix())
                    for path in find_images(folder).images
                )
            elif listed is not None and listed.suffix == ".txt" and listed.is_file():
                for line in read_lines(listed):
                    if line.strip():
                        yield name_of(image_name(line).removeprefix(f"{self.images.name}/"))

    def _places(self, place: str) -> Iterator[Path]:
        """Yield the folders of images that a path from anywhere may mean: all below the images'."""
        parts = place.split("/")
        for start in range(len(parts)):
            end = Path(*parts[start:])
            for folder in (self.root / end, self.images / end, self.root / end / "images"):
                if folder.is_relative_to(self.images):
                    yield folder


def detect(root: Path) -> YoloSource | None:
    """Return the data set of a folder with labels as YOLO is trained from; None: it has none.

    Raises:
        DataError: it has, and the package that reads its data.yaml is missing.
    """
    if is_laid_out_otherwise(root):
        return None
    folders = _folders(root)
    try:
        found = find_data(root) if folders else None
        seen = [_holds_labels(labels) for labels, _ in folders]
    except (DataError, OSError):  # whoever reads the folder says why it cannot be
        return None
    is_yaml = found is not None and found.suffix not in (".txt", ".names")
    if not any(seen) and not (is_yaml and None in seen):
        return None
    return YoloSource(root, read_data(found))


def _folders(root: Path) -> list[tuple[Path, Path]]:
    """Return the folders of labels, each with the folder of its images."""
    places = [root, *(root / split for split in _SPLITS)]
    pairs = [(place / "labels", place / "images") for place in places]
    found = [pair for pair in pairs if all(folder.is_dir() for folder in pair)]
    return found[:1] if found and found[0] == pairs[0] else found


def _holds_labels(folder: Path) -> bool | None:
    """Tell whether the first text in a folder or in its sub-folders is one of labels.

    Returns:
        None where all texts that were looked at are empty.
    """
    undecided = False
    below = [folder, *sorted(path for path in entries(folder, MOST_ENTRIES) if path.is_dir())[:4]]
    for place in below:
        for path in entries(place, MOST_ENTRIES):
            if path.suffix != ".txt" or path.name in _NO_LABELS or not path.is_file():
                continue
            with path.open(encoding="utf-8", errors="replace") as stream:
                line = stream.readline(2**12)
            if line.strip():
                return bool(_LABEL.match(line))
            undecided = True
    return None if undecided else False
