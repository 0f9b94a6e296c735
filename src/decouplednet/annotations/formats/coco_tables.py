"""What one annotation file says in any order, sorted by image on the disk instead of in memory."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from decouplednet.errors import DataError

_TABLES = (
    "CREATE TABLE images (number INTEGER PRIMARY KEY, key TEXT UNIQUE, name TEXT, size TEXT)",
    "CREATE TABLE drawn (number INTEGER PRIMARY KEY, image TEXT, rank REAL, class TEXT, "
    "extent TEXT, shape TEXT, crowd INTEGER, id TEXT)",
)
_OF_IMAGE = (
    "SELECT image, rank, class, extent, shape, crowd, id FROM drawn WHERE image = ? "
    "ORDER BY rank, number"
)
_STRAYS = "FROM drawn WHERE image NOT IN (SELECT key FROM images)"


class Extent(StrEnum):
    """How much of an object its shape says."""

    WHOLE = "whole"
    """Every pixel of it."""
    PART = "part"
    """Where it is: a box."""
    NONE = "none"
    """Nothing but that it is there."""
    FAULT = "fault"
    """The shape cannot be understood."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One annotation.

    Args:
        image: key of its image.
        rank: what is drawn first has the lowest.
        class_id: key of its class.
        extent: how much its shape says.
        shape: JSON of the shape, or the fault.
        crowd: it stands for several objects at once, whose pixels are not all theirs.
        id: of the annotation, for messages.
    """

    image: str
    rank: float
    class_id: str
    extent: Extent
    shape: str
    crowd: bool
    id: str


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image as an annotation file lists it.

    Args:
        key: that annotations call it by.
        name: path under the folder of the images.
        size: JSON of [height, width] in pixels; ``null``: not said; empty: none that can be.
    """

    key: str
    name: str
    size: str


def key_of(value: object) -> str | None:
    """Return the key of an id, so that 7, 7.0 and "7" are one; None where it is no id.

    >>> key_of(7), key_of(7.0), key_of("7"), key_of(None), key_of(True)
    ('7', '7', '7', None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # JSON may hold halves of characters
    return str(value) if isinstance(value, int) else None


class Gathered:
    """Images and annotations of one file, in a private temporary file that goes with it.

    Args:
        connection: of the temporary file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        for statement in _TABLES:
            connection.execute(statement)

    def add_image(self, image: ListedImage) -> bool:
        """Take an image; tell whether its key is new. Of two with one key the first counts."""
        values = (image.key, image.name, image.size)
        insert = "INSERT OR IGNORE INTO images (key, name, size) VALUES (?, ?, ?)"
        return self._connection.execute(insert, values).rowcount > 0

    def add(self, one: Drawn) -> None:
        """Take an annotation."""
        self._connection.execute(
            "INSERT INTO drawn (image, rank, class, extent, shape, crowd, id) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (one.image, one.rank, one.class_id, one.extent, one.shape, one.crowd, one.id),
        )

    def sort(self) -> None:
        """Make annotations be found by image, once all are there."""
        self._connection.execute("CREATE INDEX drawn_by_image ON drawn (image, rank, number)")

    def is_empty(self) -> bool:
        """Tell whether there is no annotation."""
        return self._connection.execute("SELECT 1 FROM drawn LIMIT 1").fetchone() is None

    def strays(self) -> tuple[int, str]:
        """Return how many annotations are of images that are not listed, and the first's image."""
        (number,) = self._connection.execute(f"SELECT count(*) {_STRAYS}").fetchone()
        first = self._connection.execute(f"SELECT image {_STRAYS} ORDER BY number LIMIT 1")
        return int(number), str((first.fetchone() or ("",))[0])

    def images(self) -> Iterator[ListedImage]:
        """Yield the images in the order of the file."""
        rows = self._connection.execute("SELECT key, name, size FROM images ORDER BY number")
        return (ListedImage(*row) for row in rows)

    def of_image(self, key: str) -> Iterator[Drawn]:
        """Yield the annotations of an image, the lowest first."""
        for image, rank, name, extent, shape, crowd, number in self._connection.execute(
            _OF_IMAGE, (key,)
        ):
            yield Drawn(image, rank, name, Extent(extent), shape, bool(crowd), number)


@contextmanager
def gathering(file: Path) -> Iterator[Gathered]:
    """Give the place for what an annotation file says; nothing is left of it afterwards.

    Raises:
        DataError: the disk is full, or the like.
    """
    connection = sqlite3.connect("")  # SQLite's own temporary file, which has no name
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        yield Gathered(connection)
    except sqlite3.Error as fault:
        raise DataError(
            f"{file}: cannot be sorted on the disk: {fault}; free space for temporary files"
        ) from None
    finally:
        connection.close()
