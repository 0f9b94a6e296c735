"""Joining the images of a data set with what its annotation files say about them."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.label_studio_images import (
    uploaded_name,
    without_upload_digits,
)
from decouplednet.annotations.formats.source import Source
from decouplednet.annotations.image_files import name_of, tidied
from decouplednet.annotations.index import cell_of, names_of
from decouplednet.annotations.mask_content import Kind
from decouplednet.annotations.proposals import Proposals
from decouplednet.annotations.tags import second_row
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

_SAID = (
    "SELECT s.id, f.path, s.image, s.tags, s.unsaid, s.kind, s.mask, s.line, s.drawn, s.once, "
    "s.optional FROM said s JOIN files f ON f.id = s.file ORDER BY s.file, s.id"
)
_OF_IMAGE = "SELECT i.tags, i.unsaid, i.mask FROM images i WHERE row = ?"


def chosen_classes(
    connection: sqlite3.Connection, source: Source
) -> tuple[ClassList | None, list[Finding]]:
    """Return all names that are said, sorted, as classes; None and why if they cannot be."""
    names: set[str] = set()
    for column in ("tags", "drawn"):
        cells = connection.execute(f"SELECT DISTINCT {column} FROM said WHERE {column} NOT NULL")
        for (cell,) in cells:
            names |= names_of(cell) or frozenset()
    where = source.class_file or source.images
    if not names:
        message = "no annotation names a class; write one class name per line into classes.txt"
        return None, [Finding("no-classes", str(where), message)]
    try:
        return ClassList(tuple(sorted(names))), []
    except DataError as fault:
        return None, [Finding("bad-classes", str(where), str(fault))]


def join(
    connection: sqlite3.Connection, source: Source, classes: ClassList | None
) -> list[Finding]:
    """Write the tags and masks that were said into the images; return what does not fit together.

    Args:
        connection: of an index with images and with what was said.
        source: the data set in its format.
        classes: that tags may name; None: names cannot be checked.
    """
    joined = _Join(connection, source, classes)
    for cells in connection.execute(_SAID):
        joined.add(_Row(*cells))
    return [*joined.findings, *joined.unknown_tags()]


@dataclass(slots=True)
class _Row:
    """One row of ``said``."""

    id: int
    file: str
    image: str
    tags: str | None
    unsaid: str | None
    kind: str | None
    mask: str | None
    line: int
    drawn: str | None
    once: bool
    optional: bool


@dataclass(slots=True)
class _Lines:
    """Where a name that is no class stands in a file."""

    count: int = 0
    first: int = 0


class _Join:
    def __init__(
        self, connection: sqlite3.Connection, source: Source, classes: ClassList | None
    ) -> None:
        self.findings: list[Finding] = []
        self._connection = connection
        self._source = source
        self._known = None if classes is None else frozenset(classes)
        self._refusal = cache(classes.unknown) if classes else str
        self._unknown: dict[tuple[str, str], _Lines] = defaultdict(_Lines)
        self._seen: dict[tuple[str, int], int] = {}
        self._lookup = Lookup(connection, loose=source.loose)

    def add(self, said: _Row) -> None:
        """Take what was said of one image."""
        row = self._lookup.row(said.image)
        if row is None:
            if not said.optional:
                self.findings.append(self._stray(said))
            return
        if said.once and self._is_second(said, row):
            return
        if said.tags is not None or said.unsaid is not None:
            self._add_tags(said, row)
        if said.kind is not None:
            self._add_mask(said, row)

    def unknown_tags(self) -> Iterable[Finding]:
        """Return a finding for each name of each file that is no class."""
        for (file, tag), lines in self._unknown.items():
            where = f"line {lines.first}: " if lines.first else ""
            if lines.count > 1 and lines.first:
                where = f"{lines.count} rows, first line {lines.first}: "
            yield Finding("unknown-tag", file, f"{where}{self._refusal(tag)}")

    def _is_second(self, said: _Row, row: int) -> bool:
        first = self._seen.setdefault((said.file, row), said.line)
        if first == said.line:
            return False
        self.findings.append(second_row(said.file, said.line, said.image, first))
        return True

    def _add_tags(self, said: _Row, row: int) -> None:
        tags, unsaid, _ = self._connection.execute(_OF_IMAGE, (row,)).fetchone()
        names = self._of_classes(said, names_of(said.tags), row)
        before = names_of(tags)
        united = before if names is None else (before or frozenset()) | names
        open_names = (names_of(unsaid) or frozenset()) | (names_of(said.unsaid) or frozenset())
        values = (cell_of(united), cell_of(open_names - (united or frozenset()) or None), row)
        self._connection.execute("UPDATE images SET tags = ?, unsaid = ? WHERE row = ?", values)

    def _of_classes(
        self, said: _Row, names: frozenset[str] | None, row: int
    ) -> frozenset[str] | None:
        """Return the names that are classes; the others are remembered."""
        if names is None or self._known is None or names <= self._known:
            return names
        for tag in sorted(names - self._known):
            lines = self._unknown[said.file, tag]
            lines.count += 1
            lines.first = lines.first or said.line
        self._connection.execute("UPDATE images SET doubtful = 1 WHERE row = ?", (row,))
        return names & self._known

    def _add_mask(self, said: _Row, row: int) -> None:
        self._of_classes(said, names_of(said.drawn), row)
        _, _, mask = self._connection.execute(_OF_IMAGE, (row,)).fetchone()
        if mask is None:
            self._connection.execute("UPDATE images SET mask = ? WHERE row = ?", (said.id, row))
            return
        name, other = self._connection.execute(
            "SELECT i.name, s.mask FROM images i JOIN said s ON s.id = i.mask WHERE i.row = ?",
            (row,),
        ).fetchone()
        beside = Path(other).name
        message = f"is a second mask of {name!r}, beside {beside}; remove one"
        self.findings.append(Finding("duplicate-mask", said.mask or said.file, message))

    def _stray(self, said: _Row) -> Finding:
        """Return the finding of what is said about an image that is not there."""
        if said.kind == Kind.INDEX:
            remedy = self._lookup.remedy(said.image, "name it as its image, or remove it")
            message = f"{self._source.images} has no image {said.image!r}; {remedy}"
            return Finding("mask-without-image", said.mask or said.file, message)
        name = name_of(said.image)
        code = "tag-without-image" if said.kind is None else "annotation-without-image"
        where = f"line {said.line}: " if said.line else ""
        remedy = self._lookup.remedy(name, "correct the row, or remove it")
        return Finding(code, said.file, f"{where}there is no image {name!r}; {remedy}")


class Lookup:
    """Finds the image that a list means.

    Args:
        connection: of an index with images.
        loose: whether an image may be meant whose file name alone is the same, as tools write
            other folders than those that the images lie in.
    """

    def __init__(self, connection: sqlite3.Connection, *, loose: bool = False) -> None:
        self._connection = connection
        self._loose = loose
        self._proposals = Proposals(_AllNames(connection))

    def row(self, listed: str) -> int | None:
        """Return the row of an image, or None where there is none or several may be meant."""
        for name in dict.fromkeys((tidied(listed), name_of(listed))):
            found = self._connection.execute("SELECT row FROM images WHERE name = ?", (name,))
            row = found.fetchone()
            if row is not None:
                return int(row[0])
        return self._by_end(name_of(listed)) if self._loose else None

    def name(self, listed: str) -> str | None:
        """Return the name of an image, or None as `row` does."""
        row = self.row(listed)
        if row is None:
            return None
        found = self._connection.execute("SELECT name FROM images WHERE row = ?", (row,))
        return str(found.fetchone()[0])

    def remedy(self, name: str, otherwise: str) -> str:
        """Return the question whether another image is meant, or another remedy."""
        return self._proposals.remedy(name, otherwise)

    def _by_end(self, name: str) -> int | None:
        """Return the image whose path ends most like the name, if it is the only one."""
        self._make_ends()
        for spelt in dict.fromkeys((name, without_upload_digits(name))):
            found = self._connection.execute(
                "SELECT e.row, i.name FROM ends e JOIN images i USING (row) WHERE e.name = ?",
                (spelt.rpartition("/")[2],),
            )
            alike = sorted((_common_end(spelt, other), row) for row, other in found)
            if alike:
                several = len(alike) > 1 and alike[-1][0] == alike[-2][0]
                return None if several else int(alike[-1][1])
        return None

    def _make_ends(self) -> None:
        """Index the images by their file names, once."""
        if self._connection.execute(
            "SELECT 1 FROM temp.sqlite_master WHERE name = 'ends'"
        ).fetchone():
            return
        self._connection.execute("CREATE TEMP TABLE ends (name TEXT, row INTEGER)")
        self._connection.executemany(
            "INSERT INTO ends VALUES (?, ?)",
            (
                (spelt, row)
                for row, name in self._connection.execute("SELECT row, name FROM images")
                for spelt in {name.rpartition("/")[2], uploaded_name(name.rpartition("/")[2])}
            ),
        )
        self._connection.execute("CREATE INDEX temp.ends_by_name ON ends (name)")


class _AllNames(Collection[str]):
    """The names of all images."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM images").fetchone()
        return int(count)

    def __contains__(self, name: object) -> bool:
        found = self._connection.execute("SELECT 1 FROM images WHERE name = ?", (name,))
        return found.fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return (
            name for (name,) in self._connection.execute("SELECT name FROM images ORDER BY row")
        )


def _common_end(name: str, other: str) -> int:
    """Return how many folders above the file are the same, from the file upwards."""
    pairs = zip(reversed(name.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
