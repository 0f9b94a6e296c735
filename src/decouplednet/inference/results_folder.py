"""The folder that predictions go into: what an earlier call left, and what must not be lost."""

import csv
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from decouplednet.errors import DataError
from decouplednet.inference.sources import Source, results_of

SCORES = "predictions.csv"
HEADER = ("image", "class", "score")

Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier call wrote and is still there.

    Args:
        rows: label map to the rows of its image in ``predictions.csv``.
        overlays: those of the same images.
    """

    rows: Mapping[Path, tuple[Row, ...]]
    overlays: frozenset[Path]


def earlier_results(out: Path) -> Earlier:
    """Return what an earlier call left in a folder; nothing where it left no ``predictions.csv``.

    Raises:
        DataError: a file of that name is there, but is no table of predictions.
    """
    table = out / SCORES
    if not os.path.lexists(table):
        return Earlier({}, frozenset())
    rows: dict[Path, tuple[Row, ...]] = {}
    overlays = set()
    try:
        for image, name, score in _read(table):
            label_map, overlay = results_of(PurePosixPath(image), out)
            if label_map.is_file():
                rows[label_map] = (*rows.get(label_map, ()), (image, name, score))
                overlays.add(overlay)
    except (OSError, ValueError, csv.Error):
        raise DataError(
            f"{table}: is there, but is no table {','.join(HEADER)} of an earlier predict; choose "
            "another --out"
        ) from None
    return Earlier(rows, frozenset(overlays))


def check_nothing_lost(sources: Sequence[Source], earlier: Earlier, *, overlay: bool) -> None:
    """Refuse to write over a file that no earlier call wrote: a mask, or a photograph.

    Args:
        sources: the images and the places of their results.
        earlier: what may be written over.
        overlay: whether overlays will be written.

    Raises:
        DataError: such a file is there; the message says how many.
    """
    places = [each.label_map for each in sources if each.label_map not in earlier.rows]
    if overlay:
        places += [each.overlay for each in sources if each.overlay not in earlier.overlays]
    lost = [place for place in places if place.is_file()]
    if lost:
        raise DataError(
            f"{lost[0]}: would be written over, and no earlier predict wrote it "
            f"(such files: {len(lost)}); choose another --out"
        )


def check_writable(folder: Path) -> None:
    """Refuse a folder that takes no files, before work is spent on what shall go there.

    Nothing is made: where the folder is missing, the nearest one above it is asked.

    Raises:
        DataError: no file can be written there.
    """
    whole = folder.absolute()
    place = next(each for each in (whole, *whole.parents) if os.path.lexists(each))
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"room for a few bytes")
    except OSError as fault:
        raise DataError(
            f"{folder}: cannot be written: {fault.strerror}; free space or choose another --out"
        ) from None


def _read(table: Path) -> list[Row]:
    """Return the rows under the header; a table that is not ours is a ValueError."""
    with table.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    if tuple(header) != HEADER:
        raise ValueError(header)
    return [(image, name, score) for image, name, score in rows]
