"""Reading the lists of a data set into records, and every fault of the lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from decouplednet.annotations.class_file import read_classes
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.images import find_images, name_of
from decouplednet.annotations.layout import Layout, image_files, layout_of
from decouplednet.annotations.masks import MASK_SUFFIX
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
        findings: every fault of the lists, in the order of reading.
    """

    layout: Layout
    classes: ClassList | None
    records: tuple[Record, ...]
    splits: Mapping[str, tuple[str, ...]]
    doubtful: frozenset[str]
    findings: tuple[Finding, ...]


def read_listing(root: Path) -> Listing:
    """Return the records, classes and splits of a data set with all their faults.

    Raises:
        DataError: there is no such folder, or it has no known layout.
    """
    layout = layout_of(root)
    findings: list[Finding] = []
    classes = _classes(layout, findings)
    images = _images(layout, findings)
    masks = _masks(layout, images, findings)
    tags = _Tags(classes, images, findings)
    tags.read_table(layout.tags)
    tags.read_objects(layout.objects)
    splits, faults = read_splits(layout.splits, images)
    records = tuple(
        Record(name, image, tags.of.get(name), masks.get(name)) for name, image in images.items()
    )
    doubtful = frozenset(tags.doubtful)
    return Listing(layout, classes, records, splits, doubtful, (*findings, *faults))


def _classes(layout: Layout, findings: list[Finding]) -> ClassList | None:
    path = layout.classes
    if layout.name == "voc" and not path.exists():
        return VOC_CLASSES
    try:
        return read_classes(path)
    except DataError as fault:
        empty = not path.exists() or path.stat().st_size == 0
        findings.append(finding_of("no-classes" if empty else "bad-classes", path, fault))
        return None


def _images(layout: Layout, findings: list[Finding]) -> dict[str, Path]:
    """Return name to file, sorted by name, and report names that stand for two files."""
    images: dict[str, Path] = {}
    paths = image_files(layout)
    files = {composed(path.relative_to(layout.images).as_posix()): path for path in paths}
    for path in paths:
        name = _name_under(layout.images, path)
        other = images.get(name) or files.get(name)
        if other is not None:
            findings.append(_duplicate(path, name, other))
        images.setdefault(name, path)
    if not images:
        findings.append(
            Finding("no-images", str(layout.images), "there is no image in this folder")
        )
    return dict(sorted(images.items()))


def _duplicate(path: Path, name: str, other: Path) -> Finding:
    message = (
        f"lists call it {name!r}, and {other.name} too, so tags and masks cannot tell them apart; "
        "rename or remove one"
    )
    return Finding("duplicate-image", str(path), message)


def _masks(layout: Layout, images: Mapping[str, Path], findings: list[Finding]) -> dict[str, Path]:
    masks: dict[str, Path] = {}
    for path in find_images(layout.masks).images if layout.masks.is_dir() else ():
        name = _name_under(layout.masks, path)
        if path.suffix.lower() != MASK_SUFFIX:
            findings.append(
                Finding("mask-format", str(path), "a mask is a PNG; other formats may change ids")
            )
        elif name not in images:
            findings.append(
                Finding("mask-without-image", str(path), f"{layout.images} has no image {name!r}")
            )
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
        self._findings = findings
        self._unknown = cache(classes.unknown) if classes else None

    def read_table(self, path: Path) -> None:
        """Take the rows of tags.csv, if there is one."""
        if not path.exists():
            return
        try:
            table = read_tags(path, self._images)
        except DataError as fault:
            self._findings.append(finding_of("bad-tags", path, fault))
            return
        self._findings += table.findings
        self._report_strays(path, table)
        for name, tags in table.rows.items():
            self._add(name, tags, path, f"line {table.lines[name]}: ")

    def read_objects(self, folder: Path | None) -> None:
        """Take the objects of VOC's files; a file without image is left to other uses of VOC."""
        names = folder.glob("*.xml") if folder else ()
        for path in sorted(path for path in names if path.stem in self._images):
            try:
                self._add(path.stem, read_objects(path), path, "")
            except DataError as fault:
                self._findings.append(finding_of("bad-objects", path, fault))

    def _add(self, name: str, tags: frozenset[str], path: Path, where: str) -> None:
        if self._unknown is not None and self._classes is not None:
            for tag in sorted(tags - frozenset(self._classes)):
                message = f"{where}{self._unknown(tag)}"
                self._findings.append(Finding("unknown-tag", str(path), message))
                self.doubtful.add(name)
            tags &= frozenset(self._classes)
        self.of[name] = self.of.get(name, frozenset()) | tags

    def _report_strays(self, path: Path, table: TagTable) -> None:
        strays = [name for name in table.lines if name not in self._images]
        by_file = _by_file_name(self._images) if strays else {}
        for name in strays:
            near = by_file.get(_file_name(name))
            message = f"line {table.lines[name]}: there is no image {name!r}" + (
                f"; did you mean {near!r}?" if near else ""
            )
            self._findings.append(Finding("tag-without-image", str(path), message))


def _by_file_name(names: Iterable[str]) -> dict[str, str]:
    return {_file_name(name): name for name in names}


def _file_name(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _name_under(folder: Path, path: Path) -> str:
    return name_of(path.relative_to(folder).as_posix())
