"""Opening every file of a data set and naming each fault."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.images import picture_count, read_image
from decouplednet.annotations.listing import Listing, read_listing
from decouplednet.annotations.masks import classes_in, mask_findings
from decouplednet.annotations.record import Record
from decouplednet.classes import MOST_CLASSES, ClassList
from decouplednet.errors import DataError

_OTHER_FORMAT = "a photograph in a format that is not read; convert it to JPEG or PNG"
_FIRST_FRAME = "holds {} pictures, of which the first is taken"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a data set holds and what is wrong with it.

    Args:
        images: number of images, readable or not.
        tagged: how many of them have a row of tags or a VOC object file.
        masked: how many of them have a mask.
        findings: every fault: first those of the lists, then of the images by name, then of the
            classes.
        notes: what hinders nothing and ought to be known, by image.
    """

    images: int
    tagged: int
    masked: int
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()


def check(
    root: Path | str, progress: Callable[[Sequence[Record]], Iterable[Record]] = iter
) -> CheckReport:
    """Open every file of a data set and return each fault; none hides another.

    Args:
        root: the data set's folder.
        progress: wraps the images and yields them while it shows how far it is.

    Raises:
        DataError: there is no such folder, or it has no known layout.
    """
    listing = read_listing(Path(root))
    doubtful = listing.doubtful
    findings = list(listing.findings)
    findings += [Finding("image-format", str(path), _OTHER_FORMAT) for path in listing.unread]
    notes: list[Finding] = []
    present: set[str] = set()
    for record in progress(listing.records):
        faults, shown = _check_record(record, listing.classes, record.name in doubtful)
        findings += faults
        notes += _notes(record)
        present |= shown | (record.tags or frozenset())
    findings += _classes_without_image(listing, present)
    return CheckReport(
        images=len(listing.records),
        tagged=len(listing.where("tags NOT NULL")),
        masked=len(listing.where("mask NOT NULL")),
        findings=tuple(findings),
        notes=tuple(notes),
    )


def _check_record(
    record: Record, classes: ClassList | None, doubtful: bool
) -> tuple[list[Finding], frozenset[str]]:
    """Return the faults of an image and its mask, and the classes the mask shows."""
    findings: list[Finding] = []
    size: tuple[int, int] | None = None
    try:
        height, width, _ = read_image(record.image).shape
        size = (height, width)
    except DataError as fault:
        findings.append(_unreadable("unreadable-image", record.image, fault))
    if record.mask is None or not record.mask.readable:
        return findings, frozenset()
    try:
        mask = record.mask.pixels()
    except DataError as fault:
        return [*findings, _unreadable("unreadable-mask", record.mask.path, fault)], frozenset()
    class_count = len(classes) if classes else MOST_CLASSES
    findings += mask_findings(
        mask, record.mask.path, size, class_count, record.mask.contradicting(record.tags)
    )
    shown = _shown(mask, classes)
    # A misspelt tag is a finding already; the class it may stand for is not missing as well.
    untagged = () if doubtful else _untagged(record, record.mask.path, shown)
    return [*findings, *untagged], shown


def _notes(record: Record) -> Iterator[Finding]:
    """Yield what ought to be known of an image and a mask that can be read."""
    with suppress(DataError):  # a fault already, or only behind the picture that is taken
        count = picture_count(record.image)
        if count > 1:
            yield Finding("first-frame", str(record.image), _FIRST_FRAME.format(count))
    if record.mask is not None:
        with suppress(DataError):  # a fault already
            yield from record.mask.notes()


def _unreadable(code: str, path: Path, fault: DataError) -> Finding:
    found = finding_of(code, path, fault)
    remedy = "" if ";" in found.message else "; save it anew, or remove it"
    return replace(found, message=f"{found.message}{remedy}")


def _shown(mask: NDArray[np.uint8], classes: ClassList | None) -> frozenset[str]:
    return classes_in(mask, classes) if classes and mask.ndim == 2 else frozenset()


def _untagged(record: Record, mask: Path, shown: frozenset[str]) -> tuple[Finding, ...]:
    if record.tags is None or shown <= record.tags:
        return ()
    names = ", ".join(sorted(shown - record.tags))
    message = f"shows {names}, which the tags of the image lack; correct the tags or the mask"
    return (Finding("mask-class-not-tagged", str(mask), message),)


def _classes_without_image(listing: Listing, present: set[str]) -> list[Finding]:
    if listing.guessed:  # the twenty classes of VOC were not chosen for this data set
        return []
    file = listing.source.class_file or listing.source.images
    message = (
        "no tag and no mask names the class {!r}; tag images of it, or train the other classes "
        "with data.classes"
    )
    return [
        Finding("class-without-image", str(file), message.format(name))
        for name in listing.classes or ()
        if name not in present
    ]
