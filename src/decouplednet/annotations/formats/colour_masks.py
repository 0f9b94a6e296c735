"""Any folder of images and of masks in which each class has a colour."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.colour_proposal import missing_table
from decouplednet.annotations.formats.coloured import declared_colours
from decouplednet.annotations.formats.heads import some_entries
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.image_files import find_images, name_of
from decouplednet.annotations.images import opened
from decouplednet.annotations.mask_files import format_finding
from decouplednet.annotations.mask_kinds.colours import colours_content
from decouplednet.annotations.mask_names import named_image
from decouplednet.errors import DataError

TABLES = ("colours.txt", "colors.txt", "class_dict.csv")
MASK_FOLDERS = ("masks", "labels", "annotations")
_LOOKED_AT = 3  # masks whose mode tells the format


@dataclass(frozen=True, slots=True)
class ColourMasks:
    """A folder of images and one of masks in colours.

    Args:
        root: the data set's folder, where the table of colours lies.
        masks: the folder of the masks.
    """

    root: Path
    masks: Path

    @property
    def name(self) -> str:
        """The format's name."""
        return "colour-masks"

    @property
    def statement(self) -> str:
        """What was found that tells the format."""
        table = self._table()
        if table is None:
            return f"masks in colours, from {self.masks.name}/, without a table of colours"
        return f"masks in the colours of {table.name}, from {self.masks.name}/"

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.root / "images"

    @property
    def apart(self) -> tuple[Path, ...]:
        """Nothing: the masks have their own folder."""
        return ()

    @property
    def loose(self) -> bool:
        """No: a mask lies at the path of its image."""
        return False

    @property
    def splits(self) -> Path | None:
        """The folder of lists."""
        return self.root / "splits"

    @property
    def class_file(self) -> Path | None:
        """The table of colours, or where it ought to be."""
        return self._table() or self.root / TABLES[-1]

    def declare(self) -> Declared:
        """Return the names of the table, in order; without one, a table to begin with."""
        table = self._table()
        if table is not None:
            return declared_colours(table)
        masks = [path for path in self.annotation_files() if format_finding(path) is None]
        return Declared(findings=(missing_table(masks, self.root / TABLES[-1]),))

    def annotation_files(self) -> Iterable[Path]:
        """Yield the masks, sorted.

        Raises:
            DataError: a folder may not be read.
        """
        return find_images(self.masks).images

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield the image of a mask, or why its format is refused; the mask is not opened.

        A mask may be named as its image, or with ``_mask``, ``_label`` or the like at the end.
        """
        fault = format_finding(file)
        if fault is not None:
            yield fault
            return
        image = named_image(name_of(file.relative_to(self.masks).as_posix()), self.images)
        tables = [self.root / name for name in TABLES]
        yield Said(image, mask=colours_content(file, tables, numbers=False))

    def _table(self) -> Path | None:
        return _table_in(self.root)


def detect(root: Path) -> ColourMasks | None:
    """Return the data set, if the masks beside ``images/`` are pictures in colours.

    With a table of colours the first masks must be in full colour, or have a palette and no
    classes.txt beside them. Without a table they must be in full colour, without classes.txt:
    ids in grey or with a palette are the native layout's.
    """
    if not (root / "images").is_dir():
        return None
    seen = ((root / name, _modes(root / name)) for name in MASK_FOLDERS)
    masks, modes = next(((masks, modes) for masks, modes in seen if modes), (root, frozenset()))
    listed, table = (root / "classes.txt").exists(), _table_in(root)
    palettes = {"P", "PA"} if table is not None and not listed else set()
    if not modes or not modes <= {"RGB", "RGBA"} | palettes or (table is None and listed):
        return None
    return ColourMasks(root, masks)


def _table_in(root: Path) -> Path | None:
    return next((root / name for name in TABLES if (root / name).is_file()), None)


def _modes(masks: Path) -> frozenset[str]:
    """Return the modes of the first masks in a folder, or in its first sub-folder with some.

    A folder with JSON has none: its pictures are panoptic, or belong to another tool.
    """
    folders, files = some_entries(masks)
    if any(path.suffix.lower() == ".json" for path in files):
        return frozenset()
    named = [path for path in files if format_finding(path) is None]
    for folder in folders[:_LOOKED_AT]:
        named = named or [path for path in some_entries(folder)[1] if format_finding(path) is None]
    return frozenset(mode for path in named[:_LOOKED_AT] if (mode := _mode(path)))


def _mode(path: Path) -> str:
    """Return the mode of a picture, of which only the beginning is read; empty: it is none."""
    try:
        with opened(path) as image:
            return image.mode
    except DataError:
        return ""
