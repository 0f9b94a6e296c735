"""Opening every file of a data set and naming each fault."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.images import read_image
from decouplednet.annotations.listing import Listing, read_listing
from decouplednet.annotations.masks import classes_in, mask_findings, read_pixels
from decouplednet.annotations.record import Record
from decouplednet.classes import MOST_CLASSES, ClassList
from decouplednet.errors import DataError

_OTHER_FORMAT = "a photograph in a format that is not read; convert it to JPEG or PNG"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a data set holds and what is wrong with it.

    Args:
        images: number of images, readable or not.
        tagged: how many of them have a row of tags or a VOC object file.
        masked: how many of them have a mask.
        findings: every fault: first those of the lists, then of the images by name, then of the
            classes.
    """

    images: int
    tagged: int
    masked: int
    findings: tuple[Finding, ...]


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
    findings = list(listing.findings)
    findings += [Finding("image-format", str(path), _OTHER_FORMAT) for path in listing.unread]
    present: set[str] = set()
    for record in progress(listing.records):
        faults, shown = _check_record(record, listing)
        findings += faults
        present |= shown | (record.tags or frozenset())
    findings += _classes_without_image(listing, present)
    return CheckReport(
        images=len(listing.records),
        tagged=sum(record.tags is not None for record in listing.records),
        masked=sum(record.mask is not None for record in listing.records),
        findings=tuple(findings),
    )


def _check_record(record: Record, listing: Listing) -> tuple[list[Finding], frozenset[str]]:
    """Return the faults of an image and its mask, and the classes the mask shows."""
    findings: list[Finding] = []
    size: tuple[int, int] | None = None
    try:
        height, width, _ = read_image(record.image).shape
        size = (height, width)
    except DataError as fault:
        findings.append(_unreadable("unreadable-image", record.image, fault))
    if record.mask is None:
        return findings, frozenset()
    try:
        mask = read_pixels(record.mask)
    except DataError as fault:
        return [*findings, _unreadable("unreadable-mask", record.mask, fault)], frozenset()
    class_count = len(listing.classes) if listing.classes else MOST_CLASSES
    findings += mask_findings(mask, record.mask, size, class_count, record.tags)
    shown = _shown(mask, listing.classes)
    return [*findings, *_untagged(record, record.mask, shown, listing)], shown


def _unreadable(code: str, path: Path, fault: DataError) -> Finding:
    found = finding_of(code, path, fault)
    remedy = "" if ";" in found.message else "; save it anew, or remove it"
    return replace(found, message=f"{found.message}{remedy}")


def _shown(mask: NDArray[np.uint8], classes: ClassList | None) -> frozenset[str]:
    return classes_in(mask, classes) if classes and mask.ndim == 2 else frozenset()


def _untagged(
    record: Record, mask: Path, shown: frozenset[str], listing: Listing
) -> tuple[Finding, ...]:
    # A misspelt tag is a finding already; the class it may stand for is not missing as well.
    if record.tags is None or record.name in listing.doubtful or shown <= record.tags:
        return ()
    names = ", ".join(sorted(shown - record.tags))
    message = f"shows {names}, which the tags of the image lack; correct the tags or the mask"
    return (Finding("mask-class-not-tagged", str(mask), message),)


def _classes_without_image(listing: Listing, present: set[str]) -> list[Finding]:
    file = listing.layout.classes
    if not file.exists():  # the twenty classes of VOC were not chosen for this data set
        return []
    message = (
        "no tag and no mask names the class {!r}; tag images of it, or train the other classes "
        "with data.classes"
    )
    return [
        Finding("class-without-image", str(file), message.format(name))
        for name in listing.classes or ()
        if name not in present
    ]
