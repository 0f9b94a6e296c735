"""LabelMe: one JSON file an image, beside it or in a folder of its own."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path, PureWindowsPath
from typing import Any

from decouplednet.annotations.files import read_lines
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.formats.drawn_shapes import (
    Drawn,
    checked_size,
    classes_of,
    content_of,
)
from decouplednet.annotations.formats.heads import some_entries
from decouplednet.annotations.formats.json_heads import read_head
from decouplednet.annotations.formats.labelme_file import read_labelme
from decouplednet.annotations.formats.labelme_shapes import IGNORED, shape_of
from decouplednet.annotations.formats.paths import image_name, is_laid_out_otherwise
from decouplednet.annotations.formats.refusals import (
    BAD_NAME,
    ImageRefusedError,
    class_or_refusal,
)
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.image_files import IMAGE_SUFFIXES, find_images
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

# That are looked at to tell the format: folders in the folder, and JSON files.
_FOLDERS, _HEADS = 20, 3
_SIGNS = frozenset({"version", "flags", "imagePath", "imageData", "lineColor"})


@dataclass(frozen=True, slots=True)
class LabelMeSource:
    """A folder of images with files of LabelMe.

    Args:
        root: the data set's folder.
        found: the file that told the format.
    """

    root: Path
    found: Path

    @property
    def name(self) -> str:
        """``labelme``."""
        return "labelme"

    @property
    def statement(self) -> str:
        """What was found."""
        return f"LabelMe, from {self.found.relative_to(self.root).as_posix()} and the like"

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
        """Yes: files may have been moved after they were annotated."""
        return True

    @property
    def splits(self) -> Path:
        """The folder of splits."""
        return self.root / "splits"

    @property
    def class_file(self) -> Path:
        """The class list."""
        return self.root / "classes.txt"

    def declare(self) -> Declared:
        """Return the classes of ``labels.txt``, which LabelMe may be started with."""
        file = self.root / "labels.txt"
        if not file.is_file():
            return Declared()
        try:
            listed = [line for line in read_lines(file) if line.strip()]
            names = tuple(class_or_refusal(line) for line in listed if line.strip() != IGNORED)
            return Declared(ClassList(tuple(name for name in names if name)))
        except DataError as fault:
            return Declared(findings=(finding_of("bad-classes", file, fault),))

    def annotation_files(self) -> tuple[Path, ...]:
        """Return all JSON files.

        Raises:
            DataError: a folder may not be read.
        """
        skipped = find_images(self.root).skipped
        return tuple(file for file in skipped if _is_json(file.name))

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what a file says of its image.

        Raises:
            DataError: the file is not one of LabelMe.
        """
        said = read_labelme(file)
        try:
            yield _said(said, _image(self.root, file, said), file)
        except ImageRefusedError as refused:
            yield Finding(refused.code, str(file), str(refused))


def detect(root: Path) -> LabelMeSource | None:
    """Return a folder with files of LabelMe, if it is one.

    The beginnings of a few JSON files tell, from the folder itself and the folders in it.
    """
    if is_laid_out_otherwise(root):
        return None
    for file in islice(_json_files(root), _HEADS):
        head = read_head(file)
        shapes = "shapes" in head.keys and head.keys & _SIGNS
        # Before its shapes, a file may hold its image, of which the beginning is all that is read.
        if head.opens == "{" and (shapes or "imageData" in head.keys):
            return LabelMeSource(root, file)
    return None


def _json_files(root: Path) -> Iterator[Path]:
    """Yield JSON files of a folder, then of the folders in it, as far as it is looked at."""
    below, own = some_entries(root)
    files = chain(own, chain.from_iterable(some_entries(path)[1] for path in below[:_FOLDERS]))
    yield from (path for path in files if _is_json(path.name))


def _is_json(name: str) -> bool:
    return name.lower().endswith(".json") and not name.startswith(".")


def _said(read: Mapping[str, Any], image: str, file: Path) -> Said:
    shapes = [_shape(shape, number) for number, shape in enumerate(read["shapes"], start=1)]
    present, absent = _flags(read.get("flags"))
    if not shapes:
        return Said(image, tags=present)
    drawn = classes_of(shapes)
    # An outline shows all that is there; of a box or a point the tag is the surer part.
    tagged = bool(present) or not all(one.whole for one in shapes)
    return Said(
        image,
        tags=present | (drawn - absent) if tagged else None,
        mask=content_of(file, _size(read), shapes),
        drawn=drawn,
    )


def _shape(shape: object, number: int) -> Drawn:
    if not isinstance(shape, dict):
        raise ImageRefusedError("bad-shape", f"shape {number}: it is none; draw it anew")
    try:
        return shape_of(shape)
    except ImageRefusedError as refused:
        listed = shape.get("label")
        called = f" ({listed!r})" if isinstance(listed, str) and refused.code != BAD_NAME else ""
        raise refused.within(f"shape {number}{called}") from None


def _flags(flags: object) -> tuple[frozenset[str], frozenset[str]]:
    """Return the classes that the flags of an image say are there, and those they say are not.

    LabelMe writes every flag of its configuration; where none is set, they say nothing.
    """
    given = flags if isinstance(flags, dict) else {}
    present = frozenset(
        class_or_refusal(name) for name, value in given.items() if value is True
    ) - {""}
    absent = frozenset(class_or_refusal(name) for name, value in given.items() if value is False)
    return present, absent if present else frozenset()


def _size(read: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return (H, W) in pixels of the image that was drawn on, as LabelMe shows it; None: unsaid."""
    height, width = read.get("imageHeight"), read.get("imageWidth")
    if not isinstance(height, int) or not isinstance(width, int):
        return None
    return checked_size(width, height)


def _image(root: Path, file: Path, read: Mapping[str, Any]) -> str:
    """Return the image of a file as `Said.image` names it.

    That is the path in the file, from the file's folder, as long as it stays in the data set. If no
    image is there, one beside the file that is named like it is meant: both were renamed.
    """
    folder = file.parent.relative_to(root).as_posix()
    beside = posixpath.normpath(posixpath.join(folder, file.stem))
    listed = read.get("imagePath")
    if not isinstance(listed, str) or not listed.strip():
        return beside
    path = listed.strip().replace("\\", "/")
    if not PureWindowsPath(path).anchor:  # else it may be of another computer
        path = posixpath.normpath(posixpath.join(folder, path))
    name = image_name(path)
    return name if (root / name).is_file() or not _has_image(root, beside) else beside


def _has_image(root: Path, name: str) -> bool:
    return any((root / f"{name}{ending}").is_file() for ending in _endings())


def _endings() -> Iterable[str]:
    return chain(IMAGE_SUFFIXES, (ending.upper() for ending in IMAGE_SUFFIXES))
