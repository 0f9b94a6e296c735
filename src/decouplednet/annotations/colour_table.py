"""Tables of colours: which class each colour of a mask stands for."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.files import read_lines
from decouplednet.annotations.special_names import tidy_name
from decouplednet.errors import DataError

Colour = tuple[int, int, int]

LABELMAP = "labelmap.txt"
_HEADERS = (("r", "g", "b"), ("red", "green", "blue"))
_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_NUMBERS = frozenset(str(number) for number in range(256))


@dataclass(frozen=True, slots=True)
class ColourTable:
    """What the colours of masks stand for.

    Args:
        path: the file that says so, for messages.
        rows: name and colour of each line, in order; several colours may have one name.
    """

    path: Path
    rows: tuple[tuple[str, Colour], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order, each once; background and ignored ones too."""
        return tuple(dict.fromkeys(name for name, _ in self.rows))


def read_colour_table(path: Path) -> ColourTable:
    """Return the table of a file: a labelmap.txt of CVAT and VOC, or lines ``name,r,g,b``.

    Lines of the second kind may have tabs, ``;`` or spaces in place of commas, a header that names
    the columns, and ``name,#rrggbb``. Empty lines and those that begin with ``#`` do not count.

    Raises:
        DataError: the file cannot be read, holds no colour, a line is no name and colour, or two
            names have one colour.
    """
    lines = [
        (number, line.strip())
        for number, line in enumerate(read_lines(path), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    rows = _labels(path, lines) if path.name == LABELMAP else _records(path, lines)
    if not rows:
        raise DataError(f"{path}: holds no colour; write name,r,g,b on each line")
    return ColourTable(path, _distinct(path, rows))


def voc_colour(index: int) -> Colour:
    """Return the colour of an id in masks of PASCAL VOC.

    Bit k of each channel, from the highest, is a bit of the id: red takes its bits 0, 3, 6, green
    1, 4, 7, and blue 2, 5.

    Source: PASCAL VOC 2012 development kit, VOClabelcolormap.m.

    >>> voc_colour(1), voc_colour(2), voc_colour(255)
    ((128, 0, 0), (0, 128, 0), (224, 224, 192))
    """
    red = green = blue = 0
    for place in range(8):
        red |= (index >> (3 * place) & 1) << (7 - place)
        green |= (index >> (3 * place + 1) & 1) << (7 - place)
        blue |= (index >> (3 * place + 2) & 1) << (7 - place)
    return red, green, blue


_Line = tuple[int, str]
_Row = tuple[int, str, Colour]


def _labels(path: Path, lines: Sequence[_Line]) -> list[_Row]:
    """Return the rows of lines ``name:r,g,b:parts:actions``; a missing colour is VOC's."""
    rows = []
    for index, (number, line) in enumerate(lines):
        name, _, rest = line.partition(":")
        colour = rest.partition(":")[0].strip()
        found = _colour(colour.split(",")) if colour else voc_colour(index)
        if not name.strip() or found is None:
            raise DataError(
                f"{path}: line {number}: {line!r} is no label and colour; write name:r,g,b:: with "
                "numbers from 0 to 255"
            )
        rows.append((number, tidy_name(name), found))
    return rows


def _records(path: Path, lines: Sequence[_Line]) -> list[_Row]:
    """Return the rows of lines ``name,r,g,b``, with or without a header."""
    rows = []
    places: tuple[int, ...] = (0, 1, 2, 3)
    for at, (number, line) in enumerate(lines):
        cells = _cells(line)
        header = _places(cells) if at == 0 else None
        if header is not None:
            places = header
            continue
        row = _record(cells, places)
        if row is None:
            raise DataError(
                f"{path}: line {number}: {line!r} is no name and colour; write name,r,g,b with "
                "numbers from 0 to 255"
            )
        rows.append((number, *row))
    return rows


def _cells(line: str) -> list[str]:
    delimiter = next((sign for sign in "\t;," if sign in line), None)
    if delimiter is None:
        return line.rsplit(None, 1 if "#" in line else 3)
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return []


def _places(cells: Sequence[str]) -> tuple[int, ...] | None:
    """Return the columns of name, red, green and blue, if the cells are a header."""
    lowered = [cell.lower() for cell in cells]
    for header in _HEADERS:
        if set(header) <= set(lowered):
            colours = tuple(lowered.index(channel) for channel in header)
            name = next((at for at in range(len(cells)) if at not in colours), None)
            return None if name is None else (name, *colours)
    return None


def _record(cells: Sequence[str], places: tuple[int, ...]) -> tuple[str, Colour] | None:
    if len(cells) == 2:
        colour, name = _hex(cells[1]), cells[0]
    elif len(cells) > max(places):
        colour, name = _colour([cells[at] for at in places[1:]]), cells[places[0]]
    else:
        return None
    return (tidy_name(name), colour) if colour is not None and name else None


def _colour(numbers: Sequence[str]) -> Colour | None:
    tidy = [number.strip() for number in numbers]
    if len(tidy) != 3 or not _NUMBERS.issuperset(tidy):
        return None
    red, green, blue = (int(number) for number in tidy)
    return red, green, blue


def _hex(text: str) -> Colour | None:
    found = _HEX.fullmatch(text)
    if found is None:
        return None
    red, green, blue = (int(channel, 16) for channel in found.groups())
    return red, green, blue


def _distinct(path: Path, rows: Sequence[_Row]) -> tuple[tuple[str, Colour], ...]:
    """Return the rows without their lines, and refuse one colour of two names."""
    owners: dict[Colour, tuple[int, str]] = {}
    for number, name, colour in rows:
        line, owner = owners.setdefault(colour, (number, name))
        if owner != name:
            raise DataError(
                f"{path}: line {number}: {','.join(map(str, colour))} is the colour of {owner!r} "
                f"too, on line {line}, so {name!r} cannot be told from it; give each its own colour"
            )
    return tuple((name, colour) for _, name, colour in rows)
