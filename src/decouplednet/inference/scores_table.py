"""The table ``predictions.csv`` of a folder of results, read and written row by row."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO

from decouplednet.annotations.files import not_written, write_parts_atomically
from decouplednet.errors import DataError

SCORES = "predictions.csv"
HEADER = ("image", "class", "score")

Row = tuple[str, str, str]

_PART = 2**16  # bytes that are copied at once


@contextmanager
def refusing_other_tables(folder: Path) -> Iterator[None]:
    """Let what is wrong with the rows of a folder's table be said in one line.

    Raises:
        DataError: a file of that name is there, but is no table of predictions.
    """
    try:
        yield
    except (OSError, ValueError, csv.Error):
        raise DataError(
            f"{folder / SCORES}: is there, but is no table {','.join(HEADER)} of an earlier "
            "predict; choose another --out"
        ) from None


def read_rows(folder: Path) -> Iterator[Row]:
    """Yield the rows of the table in a folder, which may have none.

    Raises:
        ValueError: it is no table of predictions; also OSError and csv.Error.
    """
    if not os.path.lexists(folder / SCORES):
        return
    with (folder / SCORES).open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if tuple(header) != HEADER:
            raise ValueError(header)
        for row in reader:
            image, name, score = row  # a row of another length is a ValueError
            yield image, name, score


@dataclass(slots=True, eq=False)
class ScoresTable:
    """The table of a folder while images are predicted.

    Their rows wait in a file without a name, so that memory does not grow with them and nothing
    half-written is ever found; ``finish`` makes them the table.

    Args:
        folder: of the results; it is made when the first rows come.
    """

    folder: Path
    _waiting: IO[bytes] | None = field(default=None, init=False)

    def add(self, listed: str, scores: Mapping[str, float]) -> None:
        """Add a row for each class of an image.

        Args:
            listed: how the table calls the image.
            scores: probability in [0, 1] of each class.

        Raises:
            DataError: the folder takes no more.
        """
        try:
            if self._waiting is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._waiting = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - closed by finish
            rows = ((listed, name, f"{score:.6f}") for name, score in scores.items())
            self._waiting.write(_bytes_of(rows))
        except OSError as fault:
            raise DataError(f"{self.folder / SCORES}: {not_written(fault)}") from None

    def finish(self, before: Iterable[Row]) -> None:
        """Write the table atomically; nothing can be added afterwards.

        Args:
            before: rows that come before those that were added.

        Raises:
            DataError: it cannot be written.
        """
        head = (_bytes_of([row]) for row in chain([HEADER], before))
        write_parts_atomically(self.folder / SCORES, chain(head, self._added()))

    def _added(self) -> Iterator[bytes]:
        if self._waiting is not None:
            with self._waiting as file:
                file.seek(0)
                yield from iter(lambda: file.read(_PART), b"")


def _bytes_of(rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
