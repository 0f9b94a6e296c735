"""A table of tags beside images: a row for each class of an image, or a column for each class."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.folder_names import SPLIT_FOLDERS
from decouplednet.annotations.formats.heads import some_entries
from decouplednet.annotations.formats.paths import is_laid_out_otherwise
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.formats.table_cells import says_class
from decouplednet.annotations.formats.table_columns import Columns, columns_of, is_prediction
from decouplednet.annotations.formats.table_rows import images_of_rows, said_of_rows
from decouplednet.annotations.formats.table_text import first_text
from decouplednet.annotations.image_files import IMAGE_SUFFIXES, is_image_name
from decouplednet.annotations.tags import read_cells
from decouplednet.errors import DataError

_BYTES, _ROWS = 2**15, 20  # of a table that are looked at
_SUFFIXES = frozenset({".csv", ".tsv"})


@dataclass(frozen=True, slots=True)
class TableSource:
    """Images with a table of tags, or with one for each split.

    Args:
        root: the data set's folder.
        tables: files that are such tables, at least one.
    """

    root: Path
    tables: tuple[Path, ...]

    @property
    def name(self) -> str:
        """``table``."""
        return "table"

    @property
    def statement(self) -> str:
        """What was found."""
        listed = ", ".join(file.name for file in self.tables)
        columns = _columns(self.tables[0])
        if columns is None:  # it was changed meanwhile
            return f"a table of tags, {listed}"
        kind = f"a column for each of {len(columns.classes)} classes"
        if columns.label is not None:
            kind = f"classes in the column {columns.names[columns.label]}"
        unread = f"; not read: {', '.join(columns.unread)}" if columns.unread else ""
        return f"a table of tags, {listed}, with {kind}{unread}"

    @property
    def images(self) -> Path:
        """The folder ``images/`` if there is one, else the whole folder."""
        folder = self.root / "images"
        return folder if folder.is_dir() else self.root

    @property
    def apart(self) -> tuple[Path, ...]:
        """No folder."""
        return ()

    @property
    def loose(self) -> bool:
        """Yes: tables may name images by paths of another computer."""
        return True

    @property
    def splits(self) -> Path:
        """The folder of splits."""
        return self.root / "splits"

    @property
    def class_file(self) -> Path:
        """The class list, if there is to be one."""
        return self.root / "classes.txt"

    def declare(self) -> Declared:
        """Return the splits, if each has a table, and what is wrong with there being several."""
        if len(self.tables) == 1:
            return Declared()
        if not self._is_by_split():
            listed = ", ".join(file.name for file in self.tables)
            message = (
                f"{listed} may all be the table of tags; keep one of them here, or call them as "
                "splits, such as train.csv and val.csv"
            )
            return Declared(findings=(Finding("several-tables", str(self.root), message),))
        splits: dict[str, tuple[str, ...]] = {}
        findings = []
        for file in self.tables:
            try:
                splits[file.stem] = tuple(dict.fromkeys(images_of_rows(file)))
            except DataError as fault:
                findings.append(finding_of("bad-tags", file, fault))
        return Declared(findings=tuple(findings), splits=splits)

    def annotation_files(self) -> Iterator[Path]:
        """Yield the tables."""
        yield from self.tables

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what the rows of a table say.

        Raises:
            DataError: the table cannot be read, or its first line does not say what its columns
                mean.
        """
        yield from said_of_rows(file)

    def _is_by_split(self) -> bool:
        return all(file.stem.casefold() in SPLIT_FOLDERS for file in self.tables)


def detect(root: Path) -> TableSource | None:
    """Return a folder with a table of tags, told by its first line and its first rows.

    Tables that `decouplednet predict` wrote are none.
    """
    if is_laid_out_otherwise(root):
        return None
    found = tuple(file for file in _tables(root) if _is_of_tags(root, file))
    return TableSource(root, found) if found else None


def _tables(root: Path) -> list[Path]:
    return [path for path in some_entries(root)[1] if path.suffix.lower() in _SUFFIXES]


def _is_of_tags(root: Path, file: Path) -> bool:
    columns = _columns(file)
    if columns is None or is_prediction(columns):
        return False
    rows = _first_rows(file, columns)
    if not rows or not _names_images(root, rows[0][columns.image]):
        return False
    cells = [row[place] for row in rows for _, place in columns.classes]
    return columns.label is not None or 2 * sum(map(says_class, cells)) >= len(cells)


def _columns(file: Path) -> Columns | None:
    """Return what the columns of a table may mean, of which reading it says more; None: nothing."""
    try:
        return columns_of(file, first_text(file, _BYTES), lenient=True)
    except DataError:
        return None


def _first_rows(file: Path, columns: Columns) -> list[list[str]]:
    # The last line may be cut short.
    text = first_text(file, _BYTES)
    whole = text if len(text) < _BYTES // 4 else text.rpartition("\n")[0]
    wanted = len(columns.names)
    try:
        rows = islice(read_cells(file, whole, columns.delimiter), 1, _ROWS)
        return [row for _, row in rows if len(row) >= wanted]
    except DataError:
        return []


def _names_images(root: Path, cell: str) -> bool:
    """Tell whether a cell ends like an image, or is the name of one without its ending."""
    name = cell.strip().replace("\\", "/").rpartition("/")[2]
    if is_image_name(name):
        return True
    folders = (root, root / "images")
    return bool(name) and any(
        (folder / f"{name}{ending}").is_file() for folder in folders for ending in IMAGE_SUFFIXES
    )
