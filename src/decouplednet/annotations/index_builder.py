"""Making the index of a data set: the images that lie there, joined with what was said of them."""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from decouplednet.annotations.cache import cache_file
from decouplednet.annotations.files import not_written
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.formats.source import Declared, Said, Source
from decouplednet.annotations.image_files import (
    NO_IMAGE,
    is_unread_photograph,
    name_of,
    walk_images,
)
from decouplednet.annotations.index import SCHEMA, Index, cell_of, connect, read_meta
from decouplednet.annotations.joining import Lookup, chosen_classes, join
from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError

_VERSION = "1"  # of what readers say; what files said to another version is read again
_OLD = "ATTACH DATABASE ? AS old"
_KEPT = (
    "FROM files f JOIN old.files o ON o.path = f.path AND o.key = f.key "
    "JOIN old.{0} x ON x.file = o.id ORDER BY f.id, x.rowid"
)
# Findings of what names the classes, where there is such a thing.
_UNREAD = frozenset({"no-classes", "bad-classes", "colour-table-missing"})
_SAID = "image, tags, unsaid, kind, mask, more, line, drawn, once, optional"


@dataclass(frozen=True, slots=True)
class Built:
    """An index and what was found while it was made.

    Args:
        index: of the data set.
        classes: of the data set; None if there is no class list.
        splits: those that the format itself has: split name to image names.
        unread: photographs in formats that are not read, sorted.
        findings: every fault of the files and of what they say about images.
    """

    index: Index
    classes: ClassList | None
    splits: Mapping[str, tuple[str, ...]]
    unread: tuple[Path, ...]
    findings: tuple[Finding, ...]


def build_index(source: Source, root: Path, declared: Declared) -> Built:
    """Return the index of a data set as it is now.

    All images are listed anew. What an annotation file said is taken from the former index where
    its size, its time of change and its place on the disk are the same.

    Args:
        source: the data set in its format.
        root: its folder.
        declared: what it says as a whole; without classes, and without a fault that left them
            unread, the classes are all that are said.

    Raises:
        DataError: a folder may not be read, or the index cannot be written.
    """
    path = cache_file(root, f".{source.name}.sqlite")
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    build = partial(_build, beside, source, declared)
    try:
        try:
            built = build(path if _is_former(path, source) else None)
        except sqlite3.Error:  # the former index is damaged
            beside.unlink(missing_ok=True)
            built = build(None)
        beside.replace(path)
    except sqlite3.Error as fault:
        raise DataError(f"{path}: the index of the data set cannot be written: {fault}") from None
    except OSError as fault:
        raise DataError(f"{path}: the index of the data set {not_written(fault)}") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return replace(built, index=Index(path, source.images, built.classes, built.index.digest))


def _build(path: Path, source: Source, declared: Declared, former: Path | None) -> Built:
    """Write a new index, with what files said from the former one where they did not change."""
    with closing(connect(path, writable=True)) as connection:
        connection.executescript(SCHEMA)
        unread, findings = _list_images(connection, source)
        findings += _read_files(connection, source, former)
        classes = declared.classes
        if classes is None and _UNREAD.isdisjoint(one.code for one in declared.findings):
            classes, faults = chosen_classes(connection, source)
            findings += faults
        findings += join(connection, source, classes)
        splits = _named_alike(connection, source, declared.splits)
        digest = _describe(connection, source)
        connection.commit()
    index = Index(path, source.images, classes, digest)
    return Built(index, classes, splits, unread, tuple(findings))


def _list_images(
    connection: sqlite3.Connection, source: Source
) -> tuple[tuple[Path, ...], list[Finding]]:
    """Write the images; return the photographs that are not read, and names that stand for two."""
    unread: list[Path] = []
    connection.execute("CREATE TEMP TABLE found (name TEXT, file TEXT, spelt TEXT)")
    connection.executemany("INSERT INTO found VALUES (?, ?, ?)", _found(source, unread))
    connection.execute("CREATE INDEX temp.found_by_name ON found (name, file)")
    connection.execute("CREATE INDEX temp.found_by_spelling ON found (spelt)")
    connection.execute(
        "INSERT INTO images (row, name, file) SELECT row_number() OVER (ORDER BY name) - 1, "
        "name, min(file) FROM found GROUP BY name"
    )
    doubled = connection.execute(
        "SELECT f.file, f.name, i.file FROM found f JOIN images i USING (name) "
        "WHERE f.file != i.file UNION "
        "SELECT f.file, f.name, o.file FROM found f JOIN found o ON o.spelt = f.name "
        "WHERE o.file != f.file ORDER BY 1"
    ).fetchall()
    findings = [_doubled(source.images / file, name, Path(other)) for file, name, other in doubled]
    (count,) = connection.execute("SELECT count(*) FROM images").fetchone()
    if not count:
        findings.append(Finding("no-images", str(source.images), NO_IMAGE))
    beside = (path for path in sorted(unread) if not _has_image(connection, source.images, path))
    return tuple(beside), findings


def _found(source: Source, unread: list[Path]) -> Iterator[tuple[str, str, str]]:
    """Yield name, path and composed path of the images; gather photographs that are not read."""
    start = len(f"{source.images}/") if str(source.images) != "." else 0
    apart = tuple(f"{folder}/" for folder in source.apart)
    for path, is_image in walk_images(source.images):
        if path.startswith(apart):
            continue
        if is_image:
            file = path[start:]
            yield name_of(file), file, composed(file)
        elif is_unread_photograph(path):
            unread.append(Path(path))


def _has_image(connection: sqlite3.Connection, images: Path, path: Path) -> bool:
    """Tell whether an image of the same name lies beside, as cameras write raw and JPEG."""
    name = composed(path.relative_to(images).with_suffix("").as_posix())
    return bool(connection.execute("SELECT 1 FROM images WHERE name = ?", (name,)).fetchone())


def _doubled(path: Path, name: str, other: Path) -> Finding:
    message = (
        f"lists call it {name!r}, and {other.name} too, so tags and masks cannot tell them apart; "
        "rename or remove one"
    )
    return Finding("duplicate-image", str(path), message)


def _read_files(
    connection: sqlite3.Connection, source: Source, former: Path | None
) -> list[Finding]:
    """Write what the annotation files say, and return their faults."""
    connection.executemany("INSERT INTO files (path, key) VALUES (?, ?)", _keys(source))
    if former is not None:
        connection.commit()  # nothing may be attached within a transaction
        connection.execute(_OLD, (str(former),))
        copied = ", ".join(f"x.{column}" for column in _SAID.split(", "))
        kept = _KEPT.format("said")
        connection.execute(f"INSERT INTO said (file, {_SAID}) SELECT f.id, {copied} {kept}")
        kept = _KEPT.format("faults")
        connection.execute(f"INSERT INTO faults SELECT f.id, x.code, x.place, x.message {kept}")
    new = "WHERE NOT EXISTS (SELECT 1 FROM old.files o WHERE o.path = f.path AND o.key = f.key)"
    statement = f"SELECT f.id, f.path FROM files f {new if former else ''} ORDER BY f.id"
    for number, path in connection.execute(statement).fetchall():
        _read_file(connection, source, number, Path(path))
    if former is not None:
        connection.commit()
        connection.execute("DETACH DATABASE old")
    faults = connection.execute("SELECT code, place, message FROM faults ORDER BY file, rowid")
    return [Finding(*row) for row in faults]


def _keys(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the annotation files, each with what changes when it does."""
    for path in source.annotation_files():
        try:
            status = path.stat()
        except OSError:  # whoever reads it says why it cannot be
            yield str(path), secrets.token_hex(8)
            continue
        yield str(path), f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def _is_former(path: Path, source: Source) -> bool:
    """Tell whether there is an index of the same data set that the same readers made."""
    if not path.is_file():
        return False
    try:
        with closing(connect(path, writable=False)) as former:
            return read_meta(former).get("readers") == _readers(source)
    except DataError:
        return False


def _readers(source: Source) -> str:
    return f"{_VERSION} {source!r}"


def _read_file(connection: sqlite3.Connection, source: Source, number: int, path: Path) -> None:
    insert = f"INSERT INTO said (file, {_SAID}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    faults: list[Finding] = []
    try:
        connection.executemany(insert, _rows(source.read(path), number, faults))
    except DataError as fault:
        connection.execute("DELETE FROM said WHERE file = ?", (number,))
        faults = [finding_of("bad-annotations", path, fault)]
    connection.executemany(
        "INSERT INTO faults VALUES (?, ?, ?, ?)",
        ((number, one.code, one.file, one.message) for one in faults),
    )


def _rows(
    said: Iterable[Said | Finding], number: int, faults: list[Finding]
) -> Iterator[tuple[object, ...]]:
    """Yield the cells of what is said about images, and gather the faults."""
    for one in said:
        if isinstance(one, Finding):
            faults.append(one)
            continue
        mask = one.mask
        kept = (None, None, None) if mask is None else (mask.kind, str(mask.file), mask.more)
        names = (cell_of(one.tags), cell_of(one.unsaid or None))
        drawn = cell_of(one.drawn or None)
        yield (number, one.image, *names, *kept, one.line, drawn, one.once, one.optional)


def _named_alike(
    connection: sqlite3.Connection, source: Source, splits: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return splits with the images' own names, as far as there are such images."""
    lookup = Lookup(connection, loose=source.loose)
    named = {
        split: [lookup.name(listed) or listed for listed in images]
        for split, images in splits.items()
    }
    return {split: tuple(dict.fromkeys(images)) for split, images in named.items()}


def _describe(connection: sqlite3.Connection, source: Source) -> str:
    """Write what the index is of; return a digest of all that it says about images."""
    digest = hashlib.sha256()
    for cells in connection.execute(
        "SELECT i.name, i.file, i.tags, i.unsaid, s.kind, s.mask, s.more FROM images i "
        "LEFT JOIN said s ON s.id = i.mask ORDER BY i.row"
    ):
        digest.update(repr(cells).encode())
    found = digest.hexdigest()
    meta = {"readers": _readers(source), "digest": found}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    return found
