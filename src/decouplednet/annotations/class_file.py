"""The file classes.txt: one class name per line, in index order from 1."""

from pathlib import Path

from decouplednet.annotations.files import read_text, write_atomically
from decouplednet.classes import ClassList
from decouplednet.errors import DataError


def read_classes(path: Path) -> ClassList:
    """Return the class list of a file; empty lines at its end do not count.

    Raises:
        DataError: there is no such file, it is empty, or a name is refused by `ClassList`.
    """
    if not path.exists():
        raise DataError(
            f"{path}: there is no class list; write one class name per line, without background"
        )
    text = read_text(path).rstrip()
    if not text:
        raise DataError(f"{path}: the class list is empty; write one class name per line")
    try:
        return ClassList(tuple(line.strip() for line in text.splitlines()))
    except DataError as fault:
        raise DataError(f"{path}: {fault}") from None


def write_classes(path: Path, names: tuple[str, ...]) -> None:
    """Write class names, one per line; no names leave an empty file to be filled in.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomically(path, "".join(f"{name}\n" for name in names).encode())
