"""CVAT's export "CVAT for images 1.1": XML files with the shapes and tags of each image."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from xml.etree.ElementTree import Element

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.cvat_image import read_image_element
from decouplednet.annotations.formats.heads import head, some_entries
from decouplednet.annotations.formats.named_classes import declared_classes
from decouplednet.annotations.formats.paths import image_name
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.formats.xml_parts import xml_parts
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.annotations.special_names import tidy_name
from decouplednet.errors import DataError

_EXPORT = "annotations.xml"
_ROOT = re.compile(rb"<annotations>\s*<version>1\.")
_LOOKED_AT = 20  # files that may tell the format


@dataclass(frozen=True, slots=True)
class Cvat:
    """A data set that CVAT exported as "CVAT for images 1.1".

    There may be several files, one for each task or subset, and a task with its images may lie in
    a sub-folder.

    Args:
        root: the data set's folder.
        images: the folder of the images: ``images``, or the root itself.
        first: the file that told the format.
    """

    root: Path
    images: Path
    first: Path

    @property
    def name(self) -> str:
        """The format's name."""
        return "cvat"

    @property
    def statement(self) -> str:
        """What was found that tells the format."""
        return f"CVAT for images 1.1, from {self.first.relative_to(self.root).as_posix()}"

    @property
    def apart(self) -> tuple[Path, ...]:
        """Nothing: there are no masks in files of their own."""
        return ()

    @property
    def loose(self) -> bool:
        """Yes: images may have been moved since CVAT saw them."""
        return True

    @property
    def splits(self) -> Path | None:
        """The folder of lists."""
        return self.root / "splits"

    @property
    def class_file(self) -> Path | None:
        """None: labels are edited in CVAT."""
        return None

    def declare(self) -> Declared:
        """Return the labels of all files in the order of their first file, without background."""
        labels = list(chain.from_iterable(map(_labels_of, self.annotation_files())))
        return declared_classes(labels, self.first) if labels else Declared()

    def annotation_files(self) -> Iterable[Path]:
        """Yield the XML files of CVAT in the data set and in its sub-folders, sorted.

        Raises:
            DataError: a folder may not be read.
        """
        try:
            folders = [path for path in sorted(self.root.iterdir()) if path.is_dir()]
            found = [path for folder in (self.root, *folders) for path in _in_folder(folder)]
        except OSError as fault:
            raise DataError(f"{self.root}: cannot be read: {fault.strerror}") from None
        return found

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield the tags and the mask of each image, and what is wrong with its shapes.

        Raises:
            DataError: the file is no XML, or is of a video.
        """
        labels: frozenset[str] | None = None
        for part in xml_parts(file):
            if part.tag == "meta":
                labels = frozenset(_labels(part)) or None
            elif part.tag == "track":
                raise DataError(
                    f"{file}: is CVAT for video, whose tracks are not read; export CVAT for images "
                    "1.1 instead"
                )
            elif part.tag == "image":
                yield from self._image(part, file, labels)

    def _image(
        self, element: Element, file: Path, labels: frozenset[str] | None
    ) -> Iterator[Said | Finding]:
        listed = element.get("name", "")
        image = image_name(listed)
        if not image:
            message = f"image {element.get('id', '')!r} has no name; give it that of its file"
            yield Finding("no-image-named", str(file), message)
            return
        said = read_image_element(element, labels, file)
        yield from said.faults
        mask = None
        if said.mask is not None:
            mask = Content(Kind.SHAPES, file, json.dumps(said.mask, ensure_ascii=False))
        place = self._placed(image, file, element.get("subset", ""))
        yield Said(place, said.tags, mask=mask, drawn=said.drawn)

    def _placed(self, image: str, file: Path, subset: str) -> str:
        """Return where the image of a file lies under the folder of images, if it is there.

        CVAT writes the images of a task to ``images/`` beside the file, those of a project to
        ``images/SUBSET/``.
        """
        below = image_name(subset)
        for folder in (file.parent / "images", file.parent, self.images):
            for place in (folder / below, folder) if below else (folder,):
                if place.is_relative_to(self.images) and (place / image).is_file():
                    return (place / image).relative_to(self.images).as_posix()
        return image


def detect(root: Path) -> Cvat | None:
    """Return the data set, if an XML file of CVAT lies in the folder or a sub-folder."""
    folders, files = some_entries(root)
    usual = (root / _EXPORT, *(folder / _EXPORT for folder in folders[:_LOOKED_AT]))
    other = chain(files, *(some_entries(folder)[1] for folder in folders[:3]))
    named = chain(usual, (path for path in other if _is_xml(path)))
    first = next((path for path in named if _is_cvat(path)), None)
    if first is None:
        return None
    images = root / "images" if (root / "images").is_dir() else root
    return Cvat(root, images, first)


def _in_folder(folder: Path) -> list[Path]:
    """Return the files of CVAT in a folder; none if it has many others, as VOC has."""
    named = sorted(path for path in folder.iterdir() if _is_xml(path))
    if len(named) > _LOOKED_AT and not any(map(_is_cvat, named[:_LOOKED_AT])):
        return []
    return [path for path in named if _is_cvat(path)]


def _is_xml(path: Path) -> bool:
    return path.suffix.lower() == ".xml" and not path.name.startswith(".")


def _is_cvat(path: Path) -> bool:
    return _ROOT.search(head(path)) is not None


def _labels_of(file: Path) -> tuple[str, ...]:
    """Return the labels in ``meta``; none of a file that cannot be read, of which `read` tells."""
    try:
        with closing(xml_parts(file)) as parts:
            meta = next((part for part in parts if part.tag in ("meta", "image")), None)
    except DataError:
        return ()
    return _labels(meta) if meta is not None else ()


def _labels(meta: Element) -> tuple[str, ...]:
    """Return the names of labels that are drawn or tagged: no skeletons, nor their points."""
    names = (
        tidy_name(label.findtext("name", ""))
        for label in meta.iterfind(".//labels/label")
        if not label.findtext("parent") and label.findtext("type") != "skeleton"
    )
    return tuple(dict.fromkeys(name for name in names if name))
