"""The classes that files of a format name, and what is wrong with their names."""

from collections.abc import Iterable
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.class_names import bad_name, class_name
from decouplednet.annotations.formats.source import Declared
from decouplednet.annotations.special_names import means_ignored
from decouplednet.classes import ClassList
from decouplednet.errors import DataError


def declared_classes(names: Iterable[str], file: Path) -> Declared:
    """Return what names make of a data set: those that can be classes, in order, each once.

    Args:
        names: in the order of their ids; background and ignored ones are left out.
        file: that names them, for messages.
    """
    good: dict[str, None] = {}
    findings: list[Finding] = []
    for written in dict.fromkeys(names):
        name = class_name(written)
        if name is None:
            findings.append(bad_name(file, written))
        elif name and not means_ignored(name):
            good[name] = None
    try:
        return Declared(ClassList(tuple(good)), tuple(findings))
    except DataError as fault:  # none at all, or too many
        code = "bad-classes" if good else "no-classes"
        return Declared(None, (*findings, Finding(code, str(file), str(fault))))
