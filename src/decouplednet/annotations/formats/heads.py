"""The beginning of a file, by which formats are told from each other."""

from collections.abc import Iterator
from itertools import islice
from os import DirEntry, scandir
from pathlib import Path

_BYTES = 4096
_ENTRIES = 300


def head(path: Path) -> bytes:
    """Return the first 4 kilobytes of a file; nothing where there is no file that can be read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as stream:
            return stream.read(_BYTES)
    except OSError:
        return b""


def some_entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return sub-folders and files among the first 300 entries of a folder, each sorted.

    Hidden ones are left out; a folder that cannot be read has none.
    """
    folders: list[Path] = []
    files: list[Path] = []
    for path, is_folder in _entries(folder):
        (folders if is_folder else files).append(path)
    return sorted(folders), sorted(files)


def _entries(folder: Path) -> Iterator[tuple[Path, bool]]:
    try:
        with scandir(folder) as entries:
            for entry in islice(entries, _ENTRIES):
                if not entry.name.startswith("."):
                    yield Path(entry.path), _is_folder(entry)
    except OSError:
        return


def _is_folder(entry: DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
