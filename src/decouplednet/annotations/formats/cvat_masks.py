"""CVAT's export "Segmentation mask 1.1": masks in colours, and labelmap.txt that names them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.colour_table import LABELMAP
from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.coloured import declared_colours
from decouplednet.annotations.formats.heads import head
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.image_files import find_images, name_of
from decouplednet.annotations.mask_files import format_finding
from decouplednet.annotations.mask_kinds.colours import colours_content

MASKS, OBJECTS = "SegmentationClass", "SegmentationObject"
_IMAGE_FOLDERS = ("JPEGImages", "images")
_LABEL = re.compile(rb"^[^#\r\n:]+:(\d+,\d+,\d+)?:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CvatMasks:
    """A data set that CVAT exported as "Segmentation mask 1.1".

    Args:
        root: the folder of labelmap.txt and SegmentationClass.
        images: the folder of the images: ``JPEGImages``, ``images``, or the root itself.
    """

    root: Path
    images: Path

    @property
    def name(self) -> str:
        """The format's name."""
        return "cvat-masks"

    @property
    def statement(self) -> str:
        """What was found that tells the format."""
        return f"CVAT's Segmentation mask 1.1: {MASKS}/ in the colours of {LABELMAP}"

    @property
    def apart(self) -> tuple[Path, ...]:
        """The folders of masks, where they lie among the images."""
        return (self.root / MASKS, self.root / OBJECTS) if self.images == self.root else ()

    @property
    def loose(self) -> bool:
        """No: a mask lies at the path of its image."""
        return False

    @property
    def splits(self) -> Path | None:
        """The folder of the lists that CVAT writes, one for each subset."""
        return self.root / "ImageSets" / "Segmentation"

    @property
    def class_file(self) -> Path | None:
        """The table of labels and colours."""
        return self.root / LABELMAP

    def declare(self) -> Declared:
        """Return the labels in the order of the table, without background."""
        return declared_colours(self.root / LABELMAP)

    def annotation_files(self) -> Iterable[Path]:
        """Yield the masks, sorted.

        Raises:
            DataError: a folder may not be read.
        """
        return find_images(self.root / MASKS).images

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield the image of a mask, or why its format is refused; nothing is opened."""
        fault = format_finding(file)
        if fault is not None:
            yield fault
            return
        image = name_of(file.relative_to(self.root / MASKS).as_posix())
        content = colours_content(file, (self.root / LABELMAP,), numbers=True)
        yield Said(image, mask=content)


def detect(root: Path) -> CvatMasks | None:
    """Return the data set, if there is a labelmap.txt beside SegmentationClass/."""
    if not (root / MASKS).is_dir() or not _LABEL.search(head(root / LABELMAP)):
        return None
    images = next((root / name for name in _IMAGE_FOLDERS if (root / name).is_dir()), root)
    return CvatMasks(root, images)
