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

    Args:
        path: the table.
        images: the names of the images that it may name, with or without extension.

    Raises:
        DataError: the file cannot be read as UTF-8 or CSV, or has another header.
    """
    cells = _read_cells(path)
    _check_header(path, cells[0][1] if cells else [])
    rows: dict[str, frozenset[str]] = {}
    lines: dict[str, int] = {}
    findings = []
    for line, row in cells[1:]:
        name = listed_name(row[0], images)
        fault = _row_fault(row, name, lines)
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


def _read_cells(path: Path) -> list[tuple[int, list[str]]]:
    """Return (line number, cells) of every line that is not blank."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as fault:
        raise DataError(f"{path}: line {reader.line_num}: no CSV: {fault}") from None


def _check_header(path: Path, header: list[str]) -> None:
    if tuple(cell.strip().lower() for cell in header) == HEADER:
        return
    found = ",".join(header)
    hint = "; save it with commas between the columns" if found.lower() == "image;tags" else ""
    raise DataError(f"{path}: the first line must be image,tags; it is {found!r}{hint}")


def _row_fault(row: list[str], name: str, lines: Mapping[str, int]) -> tuple[str, str] | None:
    """Return the code and the sentence that refuse a row, or None."""
    if len(row) > 2:
        return "bad-row", f"{len(row)} columns, expected 2; join the tags of an image by ';'"
    if len(row) < 2:
        return "bad-row", f"1 column, expected 2; write '{row[0]},' for an image with no class"
    if not name:
        return "bad-row", "the image is missing"
    if name in lines:
        return "duplicate-row", f"{row[0]!r} already has a row, on line {lines[name]}"
    return None
