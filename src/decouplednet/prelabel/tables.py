"""The tables about pre-labels: the images, the surest first, and where tags and model disagree."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import get_args

from decouplednet.annotations.files import write_parts_atomically
from decouplednet.prelabel.disagreements import Kind
from decouplednet.prelabel.folder import PrelabelFolder
from decouplednet.prelabel.journal import Done, Journal

KINDS: tuple[Kind, ...] = get_args(Kind)
HEADER = ("image", "confidence", "written", "classes", "confidences", *KINDS, "unsure")
OF_DISAGREEMENTS = ("image", "class", "probability", "kind", "pixels")

Listed = Callable[[str], str]
"""Returns what a table calls the image of a name: its path with extension."""


def write_tables(
    journal: Journal,
    ranked: Sequence[str],
    folder: PrelabelFolder,
    *,
    least: float,
    listed: Listed,
) -> dict[Kind, int]:
    """Write ``prelabels.csv`` and ``vetoes.csv``; return how many disagreements of each kind.

    Args:
        journal: what came of the images.
        ranked: their names, the surest first.
        folder: gets both.
        least: confidence under which an image is left out.
        listed: what the tables call an image.

    Raises:
        DataError: one cannot be written.
    """
    counts = dict.fromkeys(KINDS, 0)
    done = (journal.done(name) for name in ranked)
    rows = (_row(one, listed(one.image), written=one.confidence >= least) for one in done)
    write_parts_atomically(folder.table, _csv(HEADER, rows))
    again = (journal.done(name) for name in sorted(ranked))
    disagreeing = _disagreements(again, listed, counts)
    write_parts_atomically(folder.disagreements, _csv(OF_DISAGREEMENTS, disagreeing))
    return counts


def _row(done: Done, listed: str, *, written: bool) -> tuple[object, ...]:
    of_kind = (
        ";".join(one.name for one in done.disagreements if one.kind == kind) for kind in KINDS
    )
    return (
        listed,
        done.confidence,
        "yes" if written else "no",
        ";".join(done.of_class),
        ";".join(map(str, done.of_class.values())),
        *of_kind,
        done.unsure,
    )


def _disagreements(
    those: Iterable[Done], listed: Listed, counts: dict[Kind, int]
) -> Iterator[tuple[object, ...]]:
    for done in those:
        for one in done.disagreements:
            counts[one.kind] += 1
            yield listed(done.image), one.name, one.probability, one.kind, one.share


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    yield _line(header)
    yield from map(_line, rows)


def _line(row: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()
