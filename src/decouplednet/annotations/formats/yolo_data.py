"""The file beside YOLO's labels that names the classes: data.yaml, or a plain list."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from decouplednet.annotations.files import read_lines, read_text
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.formats.class_names import bad_name, class_name
from decouplednet.annotations.formats.coco_files import MOST_ENTRIES, entries
from decouplednet.errors import DataError

_LONGEST = 2**20  # bytes; a longer file names no classes
_LISTS = ("classes.txt", "labels/classes.txt", "obj.names")
_YAML = frozenset({".yaml", ".yml"})
_NAMES = re.compile(r"^names\s*:", re.MULTILINE)
_NUMBER = re.compile(r"[0-9]{1,6}")
_SPLITS = ("train", "val", "valid", "test")


@dataclass(frozen=True, slots=True)
class YoloData:
    """What a data set of YOLO says beside its labels.

    Args:
        path: the file that names the classes; None: there is none.
        names: number and name of each class, in the order of the numbers; an empty name is
            background, None one that no class can have here.
        splits: split to folders or lists of images, as the file writes them.
        keypoints: whether the numbers after a box are keypoints and no outline.
        findings: faults of the file.
    """

    path: Path | None = None
    names: tuple[tuple[int, str | None], ...] = ()
    splits: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keypoints: bool = False
    findings: tuple[Finding, ...] = ()


def find_data(root: Path) -> Path | None:
    """Return the file that names the classes of a folder: a YAML file, else a list; None: neither.

    Raises:
        DataError: the folder may not be read.
    """
    files = sorted(path for path in entries(root, MOST_ENTRIES) if path.suffix.lower() in _YAML)
    for path in files:
        if path.is_file() and path.stat().st_size <= _LONGEST and _NAMES.search(_text(path)):
            return path
    return next((root / name for name in _LISTS if (root / name).is_file()), None)


def read_data(path: Path | None) -> YoloData:
    """Return what the file that names the classes says; its faults are findings.

    Raises:
        DataError: it is a YAML file, and the package that reads them is missing.
    """
    if path is None:
        return YoloData()
    if path.suffix.lower() not in _YAML:
        return _of_list(path)
    try:
        import yaml
    except ModuleNotFoundError:
        raise DataError(
            f"{path}: reading YOLO needs pyyaml; run: pip install 'decouplednet[formats]'"
        ) from None
    try:
        # It makes nothing but texts, lists and dictionaries, so that a class `no` stays one.
        content = yaml.load(read_text(path), Loader=yaml.BaseLoader)  # noqa: S506
    except DataError as fault:
        return YoloData(path, findings=(finding_of("bad-classes", path, fault),))
    except (yaml.YAMLError, RecursionError) as fault:
        reason = " ".join(str(fault).split())[:200]
        return YoloData(path, findings=(Finding("bad-classes", str(path), f"no YAML: {reason}"),))
    return _of_yaml(path, content if isinstance(content, dict) else {})


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except DataError:
        return ""


def _of_list(path: Path) -> YoloData:
    try:
        lines = read_lines(path)
    except DataError as fault:
        return YoloData(path, findings=(finding_of("bad-classes", path, fault),))
    while lines and not lines[-1].strip():
        lines.pop()
    return _of_names(path, dict(enumerate(lines)))


def _of_yaml(path: Path, content: Mapping[str, Any]) -> YoloData:
    listed = content.get("names")
    if isinstance(listed, list):
        written = dict(enumerate(listed))
    elif isinstance(listed, dict) and all(_NUMBER.fullmatch(str(key)) for key in listed):
        written = {int(key): name for key, name in listed.items()}
    else:
        message = f"names is neither a list nor numbers with names: {shortened(listed)}"
        return YoloData(path, findings=(Finding("bad-classes", str(path), message),))
    named = _of_names(path, written)
    return replace(named, splits=tuple(_splits(content)), keypoints="kpt_shape" in content)


def _of_names(path: Path, written: Mapping[int, Any]) -> YoloData:
    names = tuple((number, class_name(written[number])) for number in sorted(written))
    bad = tuple(bad_name(path, written[number]) for number, name in names if name is None)
    return YoloData(path, names, findings=bad)


def _splits(content: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for split in _SPLITS:
        said = content.get(split)
        places = said if isinstance(said, list) else [said]
        listed = tuple(place for place in places if isinstance(place, str) and place.strip())
        if listed:
            yield split, listed
