"""The index of a data set on disk: its images by name, with their tags and masks, never all held.

One SQLite file in the cache, made anew by `index_builder` whenever a data set is read.
"""

import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, key TEXT NOT NULL);
CREATE TABLE said (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, image TEXT NOT NULL, tags TEXT, unsaid TEXT,
    kind TEXT, mask TEXT, more TEXT, line INTEGER NOT NULL, drawn TEXT, once INTEGER NOT NULL,
    optional INTEGER NOT NULL
);
CREATE INDEX said_by_file ON said (file);
CREATE TABLE faults (
    file INTEGER NOT NULL, code TEXT NOT NULL, place TEXT NOT NULL, message TEXT NOT NULL
);
CREATE TABLE images (
    row INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, file TEXT NOT NULL, tags TEXT,
    unsaid TEXT, mask INTEGER, doubtful INTEGER NOT NULL DEFAULT 0
);
"""
"""``files``: annotation files and what tells whether they changed. ``said``: what they say, in the
order of reading. ``images``: sorted by name, rows counted from 0; ``mask`` is an id of ``said``."""

_BATCH = 512  # rows that are read at once
_RECORD = (
    "SELECT i.row, i.name, i.file, i.tags, i.unsaid, s.kind, s.mask, s.more FROM images i "
    "LEFT JOIN said s ON s.id = i.mask WHERE i.row"
)


class Index:
    """The index of a data set, to be read only; it may be sent to other processes.

    Args:
        path: the file.
        images: the folder that holds the images.
        classes: of the data set; None if there is no class list.
        digest: what the content was when the index was opened.
    """

    def __init__(self, path: Path, images: Path, classes: ClassList | None, digest: str) -> None:
        self.path = path
        self.digest = digest
        self._images, self._classes = images, classes
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def __eq__(self, other: object) -> bool:
        """Tell whether two indices hold the same."""
        return isinstance(other, Index) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __getstate__(self) -> dict[str, object]:
        """Leave the open file behind: another process opens its own."""
        return {**self.__dict__, "_connection": None, "_process": 0}

    def __len__(self) -> int:
        return int(str(self.query("SELECT count(*) FROM images")[0][0]))

    def query(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows that an SQL statement selects.

        Raises:
            DataError: the index is not what it was when it was opened.
        """
        with closing(self._open().execute(statement, tuple(values))) as cursor:
            return cursor.fetchall()

    def record(self, row: int) -> Record:
        """Return the image of a row, counted from 0."""
        return next(self.records([row]))

    def records(self, rows: Sequence[int]) -> Iterator[Record]:
        """Yield the images of rows, in the order given; a few are held at once."""
        for start in range(0, len(rows), _BATCH):
            batch = [int(row) for row in rows[start : start + _BATCH]]
            found = self.query(f"{_RECORD} IN ({','.join(map(str, batch))})")
            by_row = {cells[0]: cells[1:] for cells in found}
            for row in batch:
                yield self._record(by_row[row])

    def row(self, name: str) -> int | None:
        """Return the row of an image's name, or None where there is none."""
        found = self.query("SELECT row FROM images WHERE name = ?", (name,))
        return int(str(found[0][0])) if found else None

    def rows(self, names: Sequence[str]) -> list[int | None]:
        """Return the row of each name; None where there is no such image."""
        found: dict[object, int] = {}
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            cells = self.query(f"SELECT name, row FROM images WHERE name IN ({marks})", batch)
            found |= {name: int(str(row)) for name, row in cells}
        return [found.get(name) for name in names]

    def rows_where(self, condition: str) -> NDArray[np.bool_]:
        """Return for each row whether an SQL condition on ``images`` holds."""
        holds = np.zeros(len(self), dtype=np.bool_)
        with closing(self._open().execute(f"SELECT row FROM images WHERE {condition}")) as rows:
            for batch in iter(lambda: rows.fetchmany(_BATCH), []):
                holds[[row for (row,) in batch]] = True
        return holds

    def _record(self, cells: tuple[object, ...]) -> Record:
        name, file, tags, unsaid, kind, mask, more = (
            None if one is None else str(one) for one in cells
        )
        image = self._images / (file or "")
        source = None
        if kind is not None:
            content = Content(Kind(kind), Path(mask or ""), more or "")
            source = MaskSource(content, image, self._classes)
        return Record(name or "", image, names_of(tags), source, names_of(unsaid) or frozenset())

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        self._connection, self._process = connect(self.path, writable=False), os.getpid()
        if read_meta(self._connection).get("digest") != self.digest:
            raise DataError(f"{self._images}: the data set changed while it was read; start again")
        return self._connection


class Names(Collection[str]):
    """The names of all images of an index, sorted; none is held.

    Args:
        index: of the data set.
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._index.row(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (record.name for record in self._index.records(range(len(self))))


class Records(Sequence[Record]):
    """Images of an index, in an order; each is read when it is asked for.

    Args:
        index: of the data set.
        rows: which images.
    """

    def __init__(self, index: Index, rows: Sequence[int] | NDArray[np.int64]) -> None:
        self.data_index = index
        self.rows = np.asarray(rows, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> "Records": ...
    def __getitem__(self, place: int | slice) -> "Record | Records":
        if isinstance(place, slice):
            return Records(self.data_index, self.rows[place])
        return self.data_index.record(int(self.rows[place]))

    def __iter__(self) -> Iterator[Record]:
        return self.data_index.records(self.rows.tolist())

    def __contains__(self, record: object) -> bool:
        row = self.data_index.row(record.name) if isinstance(record, Record) else None
        return row is not None and bool((self.rows == row).any())

    def __eq__(self, other: object) -> bool:
        """Tell whether the same images of the same data set are in the same order."""
        if not isinstance(other, Records):
            return NotImplemented
        return self.data_index == other.data_index and bool(np.array_equal(self.rows, other.rows))

    def __hash__(self) -> int:
        return hash((self.data_index, self.rows.tobytes()))


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Return an open index; one to be written is neither kept safe nor locked while it is.

    Raises:
        DataError: the file cannot be opened.
    """
    mode = "rwc" if writable else "ro"
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False
        )
        if writable:  # it takes its name once it is whole, so a crash leaves nothing to mend
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
    except sqlite3.Error as fault:
        raise DataError(f"{path}: the index of the data set cannot be opened: {fault}") from None
    return connection


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    """Return what an index says of itself; nothing where it is damaged or of another making."""
    try:
        return dict(connection.execute("SELECT key, value FROM meta").fetchall())
    except sqlite3.Error:
        return {}


def names_of(cell: str | None) -> frozenset[str] | None:
    """Return the names in a cell of an index; None where it holds nothing."""
    return None if cell is None else frozenset(json.loads(cell))


def cell_of(names: Collection[str] | None) -> str | None:
    """Return the cell that holds names; None for None."""
    return None if names is None else json.dumps(sorted(names), ensure_ascii=False)
