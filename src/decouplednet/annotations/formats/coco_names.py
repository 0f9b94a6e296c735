"""The classes that a file of COCO's form declares."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.formats.class_names import bad_name, class_name
from decouplednet.annotations.formats.coco_tables import key_of
from decouplednet.annotations.formats.json_items import json_items
from decouplednet.annotations.formats.source import Declared
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

KEY = "categories"
MOST = 2**16
"""Most classes of one file; more are no classes."""

_TAIL = 2**20  # bytes; COCO's own files name the classes last
_LAST = re.compile(r'(?<!\\)"categories"\s*:\s*\[')


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The classes of one file.

    Args:
        by_id: key of an id to the name of its class; empty: background; None: a name that no class
            can have here.
        order: the names that are classes, in the order of their ids.
        bad: what was written in place of names.
    """

    by_id: Mapping[str, str | None]
    order: tuple[str, ...]
    bad: tuple[object, ...]


def class_names(elements: Sequence[Any]) -> ClassNames:
    """Return the classes of the array ``categories`` of a file.

    What an element lacks, or another element of its id says before, does not count.
    """
    listed: dict[str, dict[str, Any]] = {}
    for element in elements:
        key = key_of(element.get("id")) if isinstance(element, dict) else None
        if key is not None:
            listed.setdefault(key, element)
    by_id = {key: class_name(element.get("name")) for key, element in listed.items()}
    bad = tuple(listed[key].get("name") for key, name in by_id.items() if name is None)
    order = (by_id[key] for key in sorted(by_id, key=_order) if not _is_group(key, listed))
    return ClassNames(by_id, tuple(dict.fromkeys(name for name in order if name)), bad)


def declared_names(file: Path) -> ClassNames:
    """Return the classes that a file declares, which is read only as far as needed.

    Raises:
        DataError: it is no sound JSON, or has more than 65536 classes.
    """
    elements = _of_tail(file)
    if elements is None:
        elements = []
        for key, element in json_items(file, (KEY, "images", "annotations")):
            if key == KEY and element is not None:
                elements.append(element)
            elif elements:
                break
            if len(elements) > MOST:
                raise DataError(f'{file}: has more than {MOST} "categories"')
    return class_names(elements)


def declare(files: Iterable[Path], splits: Mapping[str, tuple[str, ...]]) -> Declared:
    """Return the classes of several files together, in the order of the ids of the first.

    A file that cannot be read is left to its reader, who says why, if there is another.

    Args:
        files: that declare classes, not all of them the same perhaps.
        splits: to declare with them.
    """
    order: dict[str, None] = {}
    findings: list[Finding] = []
    unread: list[Finding] = []
    where = ""
    for file in files:
        where = where or str(file)
        try:
            names = declared_names(file)
        except DataError as fault:
            unread.append(finding_of("bad-annotations", file, fault))
            continue
        order |= dict.fromkeys(names.order)
        findings += (bad_name(file, written) for written in names.bad)
    if not order and (findings or unread):
        return Declared(None, (*findings, *unread), splits)
    try:
        return Declared(ClassList(tuple(order)), tuple(findings), splits, guessed=True)
    except DataError as fault:
        message = f'the "categories" are no classes: {fault}; name those that count in classes.txt'
        found = Finding("bad-classes" if order else "no-classes", where, message)
        return Declared(None, (*findings, found), splits)


def _of_tail(file: Path) -> list[Any] | None:
    """Return the array at the end of a file, if it lies there and whole.

    What follows the key up to the file's end is an object only if the key is one of the file's own
    and not of an object in it: the last bracket closes the file.
    """
    try:
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - _TAIL))
            tail = stream.read(_TAIL).decode("utf-8", "replace")
    except OSError:
        return None
    for found in list(_LAST.finditer(tail))[-1:]:
        try:
            elements = json.loads("{" + tail[found.start() :])[KEY]
        except (ValueError, RecursionError):
            return None
        return elements if isinstance(elements, list) and len(elements) <= MOST else None
    return None


def _order(key: str) -> tuple[int, int, str]:
    number = key.removeprefix("-")
    if number.isdecimal() and len(number) < 19:
        return (0, int(key), "")
    return (1, 0, key)


def _is_group(key: str, listed: Mapping[str, dict[str, Any]]) -> bool:
    """Tell whether an element only groups the others, as Roboflow writes one with id 0."""
    name, above = listed[key].get("name"), listed[key].get("supercategory")
    others = (element for other, element in listed.items() if other != key)
    return (
        key == "0"
        and above == "none"
        and any(element.get("supercategory") == name for element in others)
    )
