"""The file classes.txt: one class name per line, in index order from 1."""

import os
from pathlib import Path

from decouplednet.annotations.files import read_lines, write_atomically
from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError


def read_classes(path: Path) -> ClassList:
    """Return the class list of a file; empty lines at its end do not count.

    Raises:
        DataError: there is no such file, it is empty, or a name is refused by `ClassList`.
    """
    if not os.path.lexists(path):
        raise DataError(
            f"{path}: there is no class list; write one class name per line, without background"
        )
    names = [composed(line.strip()) for line in read_lines(path)]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise DataError(f"{path}: the class list is empty; write one class name per line")
    try:
        return ClassList(tuple(names))
    except DataError as fault:
        raise DataError(f"{path}: {fault}") from None


def write_classes(path: Path, names: tuple[str, ...]) -> None:
    """Write class names, one per line; no names leave an empty file to be filled in.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomically(path, "".join(f"{name}\n" for name in names).encode())
