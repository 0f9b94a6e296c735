"""The table of tags: which classes are on which image."""

import csv
import io
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.files import read_text, write_atomically
from decouplednet.annotations.findings import Finding
from decouplednet.annotations.images import listed_name
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


def read_tags(path: Path, images: Container[str] = ()) -> TagTable:
    """Return the tags of a CSV file with the header ``image,tags``, tags joined by ``;``.

    The header says what stands between the columns: ``,``, a tab, or the ``;`` of spreadsheets in
    many languages. Between columns joined by ``;``, all after the first hold tags.

    Args:
        path: the table.
        images: the names of the images that it may name, with or without extension.

    Raises:
        DataError: the file cannot be read as UTF-8 or CSV, or has another header.
    """
    text = read_text(path)
    delimiter = _delimiter(path, text)
    rows: dict[str, frozenset[str]] = {}
    lines: dict[str, int] = {}
    findings = []
    for line, cells in _read_cells(path, text, delimiter)[1:]:
        row = [cells[0], ";".join(cells[1:])] if delimiter == ";" and cells[1:] else cells
        name = listed_name(row[0], images)
        fault = _row_fault(row, name, lines, delimiter)
        if fault is not None:
            findings.append(Finding(fault[0], str(path), f"line {line}: {fault[1]}"))
            continue
        lines[name] = line
        tags = frozenset(composed(tag.strip()) for tag in row[1].split(";") if tag.strip())
        if tags != {NOT_LOOKED_AT}:
            rows[name] = tags
    return TagTable(rows, lines, tuple(findings))


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


def _read_cells(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return (number of its first line, cells) of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = []
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as fault:
        raise DataError(
            f"{path}: line {line}: no CSV: {fault}; is a quotation mark not closed?"
        ) from None
    return rows


def _row_fault(
    row: list[str], name: str, lines: Mapping[str, int], delimiter: str
) -> tuple[str, str] | None:
    """Return the code and the sentence that refuse a row, or None."""
    if any("\n" in cell or "\r" in cell for cell in row):
        return "bad-row", "a quotation mark is not closed, or a cell has several lines; mend it"
    if len(row) > 2:
        return "bad-row", f"{len(row)} columns, expected 2; join the tags of an image by ';'"
    if len(row) < 2:
        remedy = f"write '{row[0]}{delimiter}' for an image with no class"
        return "bad-row", f"1 column, expected 2; {remedy}"
    if not name:
        return "bad-row", "the image is missing; write its path in the first column"
    if name in lines:
        remedy = "remove one of them"
        return "duplicate-row", f"{row[0]!r} already has a row, on line {lines[name]}; {remedy}"
    return None
