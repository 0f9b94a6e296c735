"""Reading the lists of a data set into records, and every fault of the lists."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from decouplednet.annotations.class_file import read_classes
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.images import NO_IMAGE, find_images, name_of
from decouplednet.annotations.layout import Layout, image_files, layout_of
from decouplednet.annotations.masks import MASK_SUFFIX
from decouplednet.annotations.proposals import Proposals
from decouplednet.annotations.record import Record
from decouplednet.annotations.splits import read_splits
from decouplednet.annotations.tags import TagTable, read_tags
from decouplednet.annotations.voc import VOC_CLASSES, read_objects
from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError


@dataclass(frozen=True, slots=True)
class Listing:
    """What the lists of a data set say; no image or mask was opened.

    Args:
        layout: where the parts lie.
        classes: the class list; None if it could not be read, which is a finding.
        records: all images, sorted by name; of two with one name the first.
        splits: split name to image names, as listed.
        doubtful: names of images with a tag that is in no class list.
        unread: photographs in formats that are not read.
        findings: every fault of the lists, in the order of reading.
    """

    layout: Layout
    classes: ClassList | None
    records: tuple[Record, ...]
    splits: Mapping[str, tuple[str, ...]]
    doubtful: frozenset[str]
    unread: tuple[Path, ...]
    findings: tuple[Finding, ...]


def read_listing(root: Path) -> Listing:
    """Return the records, classes and splits of a data set with all their faults.

    Raises:
        DataError: there is no such folder, or it has no known layout.
    """
    layout = layout_of(root)
    findings: list[Finding] = []
    classes = _classes(layout, findings)
    files = image_files(layout)
    images = _images(layout, files.images, findings)
    findings += _folder_faults(layout)
    masks = _masks(layout, images, findings)
    tags = _Tags(classes, images, findings)
    tags.read_table(layout.tags)
    tags.read_objects(layout.objects)
    splits, faults = read_splits(layout.splits, images)
    records = tuple(
        Record(name, image, tags.of.get(name), masks.get(name)) for name, image in images.items()
    )
    doubtful = frozenset(tags.doubtful)
    return Listing(layout, classes, records, splits, doubtful, files.unread, (*findings, *faults))


def _classes(layout: Layout, findings: list[Finding]) -> ClassList | None:
    path = layout.classes
    if layout.name == "voc" and not os.path.lexists(path):
        return VOC_CLASSES
    try:
        return read_classes(path)
    except DataError as fault:
        empty = not path.exists() or path.stat().st_size == 0
        findings.append(finding_of("no-classes" if empty else "bad-classes", path, fault))
        return None


def _images(layout: Layout, paths: tuple[Path, ...], findings: list[Finding]) -> dict[str, Path]:
    """Return name to file, sorted by name, and report names that stand for two files."""
    images: dict[str, Path] = {}
    files = {composed(path.relative_to(layout.images).as_posix()): path for path in paths}
    for path in paths:
        name = _name_under(layout.images, path)
        other = images.get(name) or files.get(name)
        if other is not None:
            findings.append(_duplicate(path, name, other))
        images.setdefault(name, path)
    if not images:
        findings.append(Finding("no-images", str(layout.images), NO_IMAGE))
    return dict(sorted(images.items()))


def _duplicate(path: Path, name: str, other: Path) -> Finding:
    message = (
        f"lists call it {name!r}, and {other.name} too, so tags and masks cannot tell them apart; "
        "rename or remove one"
    )
    return Finding("duplicate-image", str(path), message)


def _folder_faults(layout: Layout) -> Iterator[Finding]:
    """Yield what lies where a folder may lie and cannot be read, such as a link to nowhere."""
    for folder in (layout.masks, layout.splits, layout.objects):
        if folder is None or not os.path.lexists(folder):
            continue
        try:
            os.scandir(folder).close()
        except OSError as fault:
            message = f"is no folder that can be read ({fault.strerror}); mend it or remove it"
            yield Finding("bad-folder", str(folder), message)


def _masks(layout: Layout, images: Mapping[str, Path], findings: list[Finding]) -> dict[str, Path]:
    masks: dict[str, Path] = {}
    proposals = Proposals(images)
    for path in find_images(layout.masks).images if layout.masks.is_dir() else ():
        name = _name_under(layout.masks, path)
        if path.suffix.lower() != MASK_SUFFIX:
            message = "a mask is a PNG, because other formats may change ids; export it as PNG"
            findings.append(Finding("mask-format", str(path), message))
        elif name not in images:
            remedy = proposals.remedy(name, "name it as its image, or remove it")
            message = f"{layout.images} has no image {name!r}; {remedy}"
            findings.append(Finding("mask-without-image", str(path), message))
        elif name in masks:
            message = f"is a second mask of {name!r}, beside {masks[name].name}; remove one"
            findings.append(Finding("duplicate-mask", str(path), message))
        else:
            masks[name] = path
    return masks


class _Tags:
    """Gathers tags from the table and from VOC's object files.

    Args:
        classes: the class list; None: names cannot be checked.
        images: the names of all images.
        findings: where faults go.
    """

    def __init__(
        self, classes: ClassList | None, images: Mapping[str, Path], findings: list[Finding]
    ) -> None:
        self.of: dict[str, frozenset[str]] = {}
        self.doubtful: set[str] = set()
        self._classes = classes
        self._images = images
        self._proposals = Proposals(images)
        self._findings = findings
        self._refusal = cache(classes.unknown) if classes else str

    def read_table(self, path: Path) -> None:
        """Take the rows of tags.csv, if there is one."""
        if not os.path.lexists(path):
            return
        try:
            table = read_tags(path, self._images)
        except DataError as fault:
            self._findings.append(finding_of("bad-tags", path, fault))
            return
        self._findings += table.findings
        self._report_strays(path, table)
        unknown: dict[str, list[int]] = {}
        for name, tags in table.rows.items():
            for tag in self._add(name, tags):
                unknown.setdefault(tag, []).append(table.lines[name])
        for tag, lines in unknown.items():
            where = f"{len(lines)} rows, first line {lines[0]}" if lines[1:] else f"line {lines[0]}"
            self._report_unknown(path, f"{where}: ", tag)

    def read_objects(self, folder: Path | None) -> None:
        """Take the objects of VOC's files; a file without image is left to other uses of VOC."""
        names = folder.glob("*.xml") if folder else ()
        for path in sorted(path for path in names if path.stem in self._images):
            try:
                unknown = self._add(path.stem, read_objects(path))
            except DataError as fault:
                self._findings.append(finding_of("bad-objects", path, fault))
                continue
            for tag in unknown:
                self._report_unknown(path, "", tag)

    def _add(self, name: str, tags: frozenset[str]) -> list[str]:
        """Take the tags of an image that are classes; return the others, sorted."""
        known = tags if self._classes is None else tags & frozenset(self._classes)
        self.of[name] = self.of.get(name, frozenset()) | known
        if tags - known:
            self.doubtful.add(name)
        return sorted(tags - known)

    def _report_unknown(self, path: Path, where: str, tag: str) -> None:
        self._findings.append(Finding("unknown-tag", str(path), f"{where}{self._refusal(tag)}"))

    def _report_strays(self, path: Path, table: TagTable) -> None:
        for name, line in table.lines.items():
            if name not in self._images:
                remedy = self._proposals.remedy(name, "correct the row, or remove it")
                message = f"line {line}: there is no image {name!r}; {remedy}"
                self._findings.append(Finding("tag-without-image", str(path), message))


def _name_under(folder: Path, path: Path) -> str:
    return name_of(path.relative_to(folder).as_posix())
