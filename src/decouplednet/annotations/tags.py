"""The table of tags: which classes are on which image."""

import csv
import io
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from decouplednet.annotations.files import read_text, write_atomically
from decouplednet.annotations.findings import Finding
from decouplednet.annotations.image_files import listed_name, name_of
from decouplednet.classes import NOT_LOOKED_AT, composed
from decouplednet.errors import DataError

HEADER = ("image", "tags")
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class TagTable:
    """The rows of a table that could be read.

    Args:
        rows: image name (path under the image folder, without extension) to its tags; no tag
            means looked at and none of the classes there. The first of two rows counts.
        lines: image name to the line of its row, from 1; also of rows marked ``?`` (not looked at
            yet), which are missing from ``rows``.
        findings: faults of single rows, to be shown or refused by the caller.
    """

    rows: Mapping[str, frozenset[str]]
    lines: Mapping[str, int]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class TagRow:
    """One row of a table that could be read.

    Args:
        image: as the row names it.
        tags: classes of the image; empty: none of the classes is there; None: ``?``, nobody has
            looked yet.
        line: of the file, from 1.
    """

    image: str
    tags: frozenset[str] | None
    line: int


def read_rows(path: Path) -> Iterator[TagRow | Finding]:
    """Yield the rows of a CSV file with the header ``image,tags``, tags joined by ``;``.

    The header says what stands between the columns: ``,``, a tab, or the ``;`` of spreadsheets in
    many languages. Between columns joined by ``;``, all after the first hold tags. A row that
    cannot be read is a finding.

    Args:
        path: the table.

    Raises:
        DataError: the file cannot be read as UTF-8 or CSV, or has another header.
    """
    text = read_text(path)
    delimiter = _delimiter(path, text)
    for line, cells in islice(read_cells(path, text, delimiter), 1, None):
        row = [cells[0], ";".join(cells[1:])] if delimiter == ";" and cells[1:] else cells
        fault = _row_fault(row, delimiter)
        if fault is not None:
            yield Finding("bad-row", str(path), f"line {line}: {fault}")
            continue
        tags = frozenset(composed(tag.strip()) for tag in row[1].split(";") if tag.strip())
        yield TagRow(row[0], None if tags == {NOT_LOOKED_AT} else tags, line)


def read_tags(path: Path, images: Container[str] = ()) -> TagTable:
    """Return the rows of a table by image, as `read_rows` reads them.

    Args:
        path: the table.
        images: the names of the images that it may name, with or without extension.

    Raises:
        DataError: as `read_rows`.
    """
    rows: dict[str, frozenset[str]] = {}
    lines: dict[str, int] = {}
    findings = []
    for row in read_rows(path):
        if isinstance(row, Finding):
            findings.append(row)
            continue
        name = listed_name(row.image, images)
        if name in lines:
            findings.append(second_row(path, row.line, row.image, lines[name]))
            continue
        lines[name] = row.line
        if row.tags is not None:
            rows[name] = row.tags
    return TagTable(rows, lines, tuple(findings))


def second_row(path: Path | str, line: int, image: str, first: int) -> Finding:
    """Return the finding of an image that has a row already, on line ``first``."""
    message = f"line {line}: {image!r} already has a row, on line {first}; remove one of them"
    return Finding("duplicate-row", str(path), message)


def write_tags(path: Path, rows: Mapping[str, Iterable[str]]) -> None:
    """Write a table that `read_tags` reads: image to its tags, in the order given; atomically.

    Raises:
        DataError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((image, ";".join(tags)) for image, tags in rows.items())
    write_atomically(path, text.getvalue().encode())


def _delimiter(path: Path, text: str) -> str:
    """Return what stands between the columns of the first line that is not blank."""
    first = next((line for line in text.splitlines() if line.strip(" ,;\t")), "")
    for delimiter in _DELIMITERS:
        header = tuple(
            cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), ())
        )
        if header[:2] == HEADER and (delimiter == ";" or len(header) == 2) and not any(header[2:]):
            return delimiter
        if set(HEADER) < set(header):
            raise DataError(
                f"{path}: the first line must be image,tags; it is {first!r}; remove the columns "
                "besides image and tags"
            )
    raise DataError(f"{path}: the first line must be image,tags; it is {first!r}")


def read_cells(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its first line, cells) of every row of a table that is not blank.

    Args:
        path: of the table, for the message.
        text: of the table.
        delimiter: between the columns.

    Raises:
        DataError: it is no CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as fault:
        raise DataError(
            f"{path}: line {line}: no CSV: {fault}; is a quotation mark not closed?"
        ) from None


def _row_fault(row: list[str], delimiter: str) -> str | None:
    """Return the sentence that refuses a row, or None."""
    if any("\n" in cell or "\r" in cell for cell in row):
        return "a quotation mark is not closed, or a cell has several lines; mend it"
    if len(row) > 2:
        return f"{len(row)} columns, expected 2; join the tags of an image by ';'"
    if len(row) < 2:
        remedy = f"write '{row[0]}{delimiter}' for an image with no class"
        return f"1 column, expected 2; {remedy}"
    if not name_of(row[0]):
        return "the image is missing; write its path in the first column"
    return None
