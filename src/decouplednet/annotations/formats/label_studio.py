"""Label Studio: the JSON and the JSON-MIN export of a project, beside its images."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.heads import some_entries
from decouplednet.annotations.formats.json_heads import Head, read_head
from decouplednet.annotations.formats.json_items import list_items
from decouplednet.annotations.formats.label_studio_regions import LABEL_KEYS
from decouplednet.annotations.formats.label_studio_tasks import (
    Annotators,
    groups_of,
    place_of,
    said_of_records,
    said_of_task,
)
from decouplednet.annotations.formats.paths import is_laid_out_otherwise
from decouplednet.annotations.formats.refusals import ImageRefusedError, Refusals
from decouplednet.annotations.formats.source import Declared, Said

NOTES = frozenset({"several-annotators"})
"""Codes of findings that tell what was chosen, and refuse nothing."""

_TASK = frozenset({"annotations", "completions"})
_OF_TASK = frozenset(
    ("data", "result", "was_cancelled", "completed_by", "predictions", "drafts", "file_upload")
)
_OF_RECORD = frozenset(("annotation_id", "annotator", "lead_time", "original_width", *LABEL_KEYS))
# As Label Studio names what it exports.
_EXPORT = re.compile(r"project-(\d+)-at-.*\.json")


@dataclass(frozen=True, slots=True)
class LabelStudioSource:
    """The exports of Label Studio in a folder, and the images below it.

    Args:
        root: the data set's folder.
        exports: the JSON files.
    """

    root: Path
    exports: tuple[Path, ...]

    @property
    def name(self) -> str:
        """``label_studio``."""
        return "label_studio"

    @property
    def statement(self) -> str:
        """What was found."""
        kinds = {_kind(read_head(file)) for file in self.exports}
        listed = ", ".join(file.name for file in self.exports)
        return f"Label Studio {' and '.join(sorted(kinds))}, from {listed}"

    @property
    def images(self) -> Path:
        """The folder ``images/`` if there is one, else the whole folder."""
        folder = self.root / "images"
        return folder if folder.is_dir() else self.root

    @property
    def apart(self) -> tuple[Path, ...]:
        """No folder."""
        return ()

    @property
    def loose(self) -> bool:
        """Yes: a task names its image as it lies on the server."""
        return True

    @property
    def splits(self) -> Path:
        """The folder of splits."""
        return self.root / "splits"

    @property
    def class_file(self) -> Path:
        """The class list, which an export lacks."""
        return self.root / "classes.txt"

    def declare(self) -> Declared:
        """Return that a project was exported twice, if it was."""
        return Declared(findings=tuple(self._doubled()))

    def annotation_files(self) -> Iterator[Path]:
        """Yield the exports."""
        yield from self.exports

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what the tasks of an export say.

        Raises:
            DataError: the file cannot be read, or is no JSON.
        """
        annotators, refusals = Annotators(), Refusals(str(file))
        for place, task in _tasks(file):
            try:
                yield _said(task, place, file, annotators)
            except ImageRefusedError as refused:
                finding = refusals.finding(place, refused)
                if finding is not None:
                    yield finding
        yield from refusals.rest()
        if annotators.tasks:
            yield _note(file, annotators)

    def _doubled(self) -> Iterator[Finding]:
        first: dict[str, Path] = {}
        for file in self.exports:
            named = _EXPORT.fullmatch(file.name)
            if named is None:
                continue
            other = first.setdefault(named[1], file)
            if other != file:
                message = f"is of the same project as {other.name}; remove the older export"
                yield Finding("several-exports", str(file), message)


def detect(root: Path) -> LabelStudioSource | None:
    """Return the exports of Label Studio in a folder or in its ``annotations/``, if there are any.

    The first kilobytes of each JSON file tell.
    """
    if is_laid_out_otherwise(root):
        return None
    exports = tuple(file for file in _json_files(root) if _kind(read_head(file)))
    return LabelStudioSource(root, exports) if exports else None


def _json_files(root: Path) -> list[Path]:
    folders = (root, root / "annotations")
    files = (file for folder in folders for file in some_entries(folder)[1])
    return [file for file in files if file.suffix.lower() == ".json"]


def _kind(head: Head) -> str:
    """Return which export a file is: ``JSON``, ``JSON-MIN``, or empty for neither."""
    if head.opens != "[":
        return ""
    if head.keys & _TASK and head.keys & _OF_TASK:
        return "JSON"
    is_record = head.keys & _OF_RECORD or head.keys >= {"format", "rle"}
    return "JSON-MIN" if is_record and "image_id" not in head.keys else ""


def _tasks(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield each task with what a message calls it; of JSON-MIN the list of its records."""
    items = list_items(file)
    if _kind(read_head(file)) == "JSON-MIN":
        for number, group in enumerate(groups_of(items), start=1):
            yield place_of(group[0], number), group
    else:
        for number, task in enumerate(items, start=1):
            yield place_of(task, number), task


def _said(task: Any, place: str, file: Path, annotators: Annotators) -> Said:
    if not isinstance(task, list):
        return said_of_task(task, place, file, annotators)
    records = [record for record in task if isinstance(record, dict)]
    if not records:
        raise ImageRefusedError("no-image-named", "it is no task; export anew")
    return said_of_records(records, place, file, annotators)


def _note(file: Path, annotators: Annotators) -> Finding:
    tasks = "1 task has" if annotators.tasks == 1 else f"{annotators.tasks} tasks have"
    message = (
        f"{tasks} annotations of several people, and the latest counts: {annotators.first}; "
        "cancel the others in Label Studio if another shall count"
    )
    return Finding("several-annotators", str(file), message)
