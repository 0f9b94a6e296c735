"""Masks in which each class has a colour.

``Content.more`` is one JSON object:

- ``tables``: where a table of colours may lie, as paths from the folder of the mask; the first that
  is there counts. It is read with the mask, so that a corrected table needs no other change.
- ``numbers``: whether greys that are no colours of the table are numbers of its lines, from 0.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.colour_table import (
    LABELMAP,
    Colour,
    ColourTable,
    read_colour_table,
    voc_colour,
)
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.annotations.mask_files import shown_colours, stored_pixels
from decouplednet.annotations.special_names import means_background, means_ignored
from decouplednet.classes import BACKGROUND, IGNORE, ClassList
from decouplednet.errors import DataError

_PIXELS = 2**20  # of a strip that is compared at once
_SHOWN = 4  # unknown colours in a message
_COUNTED = 1000  # unknown colours after which nobody counts any further
_BLACK: Colour = (0, 0, 0)
_WHITE: Colour = (255, 255, 255)


def colours_content(mask: Path, tables: Sequence[Path], *, numbers: bool) -> Content:
    """Return the content of a mask in colours.

    Args:
        mask: the picture.
        tables: where a table may lie, most important first; none needs to be there yet.
        numbers: whether greys may be numbers of the table's lines.
    """
    listed = [Path(os.path.relpath(table, mask.parent)).as_posix() for table in tables]
    return Content(Kind.COLOURS, mask, json.dumps({"tables": listed, "numbers": numbers}))


def read(content: Content, image: Path, classes: ClassList) -> NDArray[np.uint8]:
    """Return the mask, (H, W) uint8.

    Unless the table says otherwise, black is background and VOC's colour of 255, (224, 224, 192),
    is ignored. What is wholly transparent counts as black.

    Args:
        content: which picture, and where its table may lie.
        image: the image it belongs to; not needed.
        classes: that the names of the table stand for.

    Raises:
        DataError: a file cannot be read, there is no table, or the mask shows a colour that is not
            in it, or one whose name is no class.
    """
    del image
    table = _table(content)
    shown = shown_colours(content.file)
    mask, unknown = _translated(shown, _Key.of(table, classes))
    if not unknown:
        return mask
    if shown.ndim == 2 and content.details()["numbers"]:
        return _numbered(content.file, table, classes)
    raise DataError(f"{content.file}: {_unknown(unknown, table, classes)}")


def files(content: Content) -> tuple[Path, ...]:
    """Return the files that the mask is read from: its picture, and the table if there is one."""
    path = _table_path(content)
    return (content.file,) if path is None else (content.file, path)


def strips(shown: NDArray[np.uint8]) -> Iterable[NDArray[np.uint32]]:
    """Yield the colours of a picture as numbers 0xRRGGBB, (rows, W), some rows at a time.

    Args:
        shown: (H, W, 3), or (H, W) of greys.
    """
    rows = max(1, _PIXELS // max(1, shown.shape[1]))
    for top in range(0, shown.shape[0], rows):
        strip = shown[top : top + rows].astype(np.uint32)
        if strip.ndim == 2:
            yield strip * np.uint32(0x010101)
        else:
            high, middle = strip[..., 0] << np.uint32(16), strip[..., 1] << np.uint32(8)
            yield high | middle | strip[..., 2]


def colour_of_code(code: int) -> Colour:
    """Return red, green and blue of a number 0xRRGGBB."""
    return code >> 16, code >> 8 & 255, code & 255


@dataclass(frozen=True, slots=True)
class _Key:
    """Which colours are known, and their ids.

    Args:
        codes: (K,) uint32, 0xRRGGBB, ascending.
        ids: (K,) uint8, of the colours in that order.
    """

    codes: NDArray[np.uint32]
    ids: NDArray[np.uint8]

    @classmethod
    def of(cls, table: ColourTable, classes: ClassList) -> "_Key":
        """Return the colours of a table whose names are classes, or stand for 0 or 255."""
        known = {_code(_BLACK): BACKGROUND, _code(voc_colour(IGNORE)): IGNORE}
        for name, colour in table.rows:
            found = _id_of(name, classes)
            if found is None:
                known.pop(_code(colour), None)
            else:
                known[_code(colour)] = found
        ordered = sorted(known)
        ids = np.array([known[code] for code in ordered], dtype=np.uint8)
        return cls(np.array(ordered, dtype=np.uint32), ids)


def _translated(shown: NDArray[np.uint8], key: _Key) -> tuple[NDArray[np.uint8], Counter[int]]:
    """Return the ids (H, W), and how many pixels have each colour that is not known."""
    mask = np.full(shown.shape[:2], IGNORE, dtype=np.uint8)
    unknown: Counter[int] = Counter()
    top = 0
    for codes in strips(shown):
        if key.codes.size:
            at = np.minimum(np.searchsorted(key.codes, codes), key.codes.size - 1)
            known = key.codes[at] == codes
            mask[top : top + len(codes)] = np.where(known, key.ids[at], IGNORE)
        else:
            known = np.zeros(codes.shape, dtype=np.bool_)
        top += len(codes)
        for code, count in zip(*np.unique(codes[~known], return_counts=True), strict=True):
            unknown[int(code)] += int(count)
        if len(unknown) > _COUNTED:
            break
    return mask, unknown


def _numbered(file: Path, table: ColourTable, classes: ClassList) -> NDArray[np.uint8]:
    """Return the mask of a grey picture whose values are numbers of lines, 255 ignored."""
    numbers = stored_pixels(file)
    counts = np.bincount(numbers.ravel(), minlength=IGNORE + 1)
    held = [int(number) for number in np.flatnonzero(counts)]
    if IGNORE in held and set(held) <= {BACKGROUND, IGNORE}:
        raise DataError(f"{file}: {_white_alone(table)}")
    last = len(table.rows) - 1
    strange = [number for number in held if number > last and number != IGNORE]
    if strange:
        listed = ", ".join(f"{one} in {_pixels(int(counts[one]))}" for one in strange[:_SHOWN])
        raise DataError(
            f"{file}: holds greys that are neither colours of {table.path.name} nor numbers of its "
            f"lines (0 to {last}): {listed}{_more(len(strange))}; correct them, or export colours"
        )
    ids = np.full(IGNORE + 1, IGNORE, dtype=np.uint8)
    for number in held:
        if number <= last:
            ids[number] = _checked_id(table.rows[number][0], int(counts[number]), file, classes)
    return ids[numbers]


def _checked_id(name: str, count: int, file: Path, classes: ClassList) -> int:
    found = _id_of(name, classes)
    if found is None:
        raise DataError(f"{file}: {_no_class(name, count, classes)}")
    return found


def _id_of(name: str, classes: ClassList) -> int | None:
    """Return the id of a name: 0 and 255 of special ones; None: it is no class."""
    if name in classes:
        return classes.index(name)
    if means_background(name):
        return BACKGROUND
    return IGNORE if means_ignored(name) else None


def _table(content: Content) -> ColourTable:
    path = _table_path(content)
    if path is None:
        folder = content.file.parent
        places = [os.path.normpath(folder / listed) for listed in content.details()["tables"]]
        raise DataError(
            f"{content.file}: there is no table of its colours; write {places[-1]} with the lines "
            "name,r,g,b"
        )
    try:
        told = path.stat()
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
    return _read_once(path, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=8)
def _read_once(path: Path, changed: int, size: int) -> ColourTable:
    """Return a table; ``changed`` and ``size`` tell a corrected file from the one before."""
    del changed, size
    return read_colour_table(path)


def _table_path(content: Content) -> Path | None:
    folder = content.file.parent
    places = (Path(os.path.normpath(folder / listed)) for listed in content.details()["tables"])
    return next((place for place in places if os.path.lexists(place)), None)


def _unknown(unknown: Counter[int], table: ColourTable, classes: ClassList) -> str:
    """Return the sentence that refuses colours which are not known."""
    names = {_code(colour): name for name, colour in table.rows}
    for code, count in unknown.most_common():
        if code in names:
            return _no_class(names[code], count, classes)
    listed = ", ".join(
        f"{_spelt(colour_of_code(code))} in {_pixels(count)} ({_nearest(code, table)})"
        for code, count in unknown.most_common(_SHOWN)
    )
    file = table.path.name
    white = ""
    if _code(_WHITE) in unknown:
        line = "ignored:255,255,255::" if file == LABELMAP else "ignored,255,255,255"
        white = f"; where white means ignored, add the line {line}"
    return (
        f"holds colours that {file} lacks: {listed}{_more(len(unknown))}; add them to it, or "
        f"export the mask without smoothing{white}"
    )


def _nearest(code: int, table: ColourTable) -> str:
    colour = colour_of_code(code)

    def distance(row: tuple[str, Colour]) -> int:
        return sum((one - other) ** 2 for one, other in zip(colour, row[1], strict=True))

    name, other = min(table.rows, key=distance)
    return f"nearest is {name}, {_spelt(other)}"


def _no_class(name: str, count: int, classes: ClassList) -> str:
    return f"shows {name!r} in {_pixels(count)}, but {classes.unknown(name)}"


def _white_alone(table: ColourTable) -> str:
    return (
        f"holds only 0 and 255, and no line of {table.path.name} is white: give the label of the "
        "object the colour 255,255,255 there, or write the number of its line in place of 255"
    )


def _more(count: int) -> str:
    if count <= _SHOWN:
        return ""
    return (
        f" and more than {_COUNTED} others" if count > _COUNTED else f" and {count - _SHOWN} more"
    )


def _pixels(count: int) -> str:
    return f"{count} pixel" if count == 1 else f"{count} pixels"


def _code(colour: Colour) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def _spelt(colour: Colour) -> str:
    return ",".join(map(str, colour))
