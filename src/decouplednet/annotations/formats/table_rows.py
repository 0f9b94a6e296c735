"""What the rows of a table say of images: one class a row, several, or a column for each class."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.paths import image_name
from decouplednet.annotations.formats.refusals import ImageRefusedError, Refusals
from decouplednet.annotations.formats.source import Said
from decouplednet.annotations.formats.table_cells import CellReading, has_absent, presence
from decouplednet.annotations.formats.table_columns import Columns, columns_of
from decouplednet.annotations.formats.table_text import table_text
from decouplednet.annotations.tags import read_cells
from decouplednet.counts import count


def said_of_rows(path: Path) -> Iterator[Said | Finding]:
    """Yield what each row of a table says; a fault of one hides no other.

    Raises:
        DataError: the table cannot be read, or its first line does not say what its columns mean.
    """
    text = table_text(path)
    columns = columns_of(path, text)
    rows = _named if columns.label is not None else _wide
    yield from rows(path, text, columns)


def images_of_rows(path: Path) -> Iterator[str]:
    """Yield the image of each row.

    Raises:
        DataError: as `said_of_rows`.
    """
    text = table_text(path)
    columns = columns_of(path, text)
    for _, row in _sound_rows(path, text, columns):
        if not isinstance(row, Finding):
            yield image_name(row[columns.image])


def _sound_rows(
    path: Path, text: str, columns: Columns
) -> Iterator[tuple[int, list[str] | Finding]]:
    """Yield line and cells of every row after the first, as many as there are columns."""
    wanted = len(columns.names)
    for line, cells in islice(read_cells(path, text, columns.delimiter), 1, None):
        row = _fitted(cells, columns)
        fault = None
        if any("\n" in cell or "\r" in cell for cell in row):
            fault = "a quotation mark is not closed, or a cell has several lines; mend it"
        elif len(row) != wanted:
            fault = f"{count(len(row), 'column')}, expected {wanted} as in the first line; mend it"
        elif not image_name(row[columns.image]):
            fault = f"the image is missing; write its path into {columns.names[columns.image]!r}"
        yield line, row if fault is None else Finding("bad-row", str(path), f"line {line}: {fault}")


def _fitted(cells: list[str], columns: Columns) -> list[str]:
    """Return a row without empty cells too many, and with what its last cell joins by ``;``."""
    wanted = len(columns.names)
    while len(cells) > wanted and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > wanted and columns.delimiter == ";" and columns.label == wanted - 1:
        return [*cells[: wanted - 1], ";".join(cells[wanted - 1 :])]
    return cells


def _named(path: Path, text: str, columns: Columns) -> Iterator[Said | Finding]:
    """Yield the rows of a table in which a column names classes."""
    label = columns.label or 0
    reading = CellReading(columns.plural)
    for line, row in _sound_rows(path, text, columns):
        if not isinstance(row, Finding):
            reading.see(image_name(row[columns.image]), row[label], line)
    try:
        reading.decide()
    except ImageRefusedError as refused:
        yield Finding(refused.code, str(path), str(refused))
        return
    refusals = Refusals(str(path))
    for line, row in _sound_rows(path, text, columns):
        if isinstance(row, Finding):
            yield row
            continue
        try:
            tags = reading.tags(row[label])
        except ImageRefusedError as refused:
            refusals.finding(f"line {line}", refused)
            continue
        once = bool(reading.joint)
        yield Said(image_name(row[columns.image]), tags=tags, line=line, once=once)
    yield from refusals.rest()


def _wide(path: Path, text: str, columns: Columns) -> Iterator[Said | Finding]:
    """Yield the rows of a table in which each class has a column."""
    places = [place for _, place in columns.classes]
    minus_is_unsaid = any(
        has_absent(row[place] for place in places)
        for _, row in _sound_rows(path, text, columns)
        if not isinstance(row, Finding)
    )
    strange = _StrangeCells(path)
    for line, row in _sound_rows(path, text, columns):
        if isinstance(row, Finding):
            yield row
            continue
        present, unsaid = set(), set()
        for name, place in columns.classes:
            try:
                there = presence(row[place], minus_is_unsaid=minus_is_unsaid)
            except ValueError:
                strange.see(name, row[place], line)
                there = None
            if there:
                present.add(name)
            elif there is None:
                unsaid.add(name)
        said = len(unsaid) < len(columns.classes)
        yield Said(
            image_name(row[columns.image]),
            tags=frozenset(present) if said else None,
            unsaid=frozenset(unsaid),
            line=line,
            once=True,
        )
    yield from strange.findings()


class _StrangeCells:
    """Counts the cells of each column that are neither 1, 0 nor empty.

    Args:
        path: of the table.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first: dict[str, tuple[int, str]] = {}
        self._counts: dict[str, int] = {}

    def see(self, name: str, cell: str, line: int) -> None:
        """Count a cell of a column."""
        self._first.setdefault(name, (line, cell))
        self._counts[name] = self._counts.get(name, 0) + 1

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each column with such cells."""
        for name, (line, cell) in self._first.items():
            rows = self._counts[name]
            where = f"line {line}" if rows == 1 else f"{rows} rows, first line {line}"
            message = (
                f"{where}: {cell!r} in the column {name!r} is neither 1, 0 nor empty; correct it, "
                "or remove the column if it is no class"
            )
            yield Finding("bad-cell", str(self._path), message)
