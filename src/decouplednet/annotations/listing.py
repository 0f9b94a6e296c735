"""Reading the lists of a data set into records, and every fault of the lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.detect import detect
from decouplednet.annotations.formats.source import Source
from decouplednet.annotations.index import Names, Records
from decouplednet.annotations.index_builder import build_index
from decouplednet.annotations.splits import read_splits
from decouplednet.classes import ClassList


@dataclass(frozen=True, slots=True)
class Listing:
    """What the lists of a data set say; no image or mask was opened.

    Args:
        source: the data set in its format.
        classes: the class list; None if it could not be read, which is a finding.
        records: all images, sorted by name; of two with one name the first.
        splits: split name to image names, as listed.
        guessed: whether the classes may be on no image at all.
        unread: photographs in formats that are not read.
        findings: every fault of the lists, in the order of reading.
    """

    source: Source
    classes: ClassList | None
    records: Records
    splits: Mapping[str, tuple[str, ...]]
    guessed: bool
    unread: tuple[Path, ...]
    findings: tuple[Finding, ...]

    @property
    def doubtful(self) -> frozenset[str]:
        """Names of images with a tag that is in no class list."""
        return frozenset(record.name for record in self.where("doubtful"))

    def where(self, condition: str) -> Records:
        """Return the images for which an SQL condition on the index's ``images`` holds."""
        index = self.records.data_index
        return Records(index, np.flatnonzero(index.rows_where(condition)))


def read_listing(root: Path) -> Listing:
    """Return the records, classes and splits of a data set with all their faults.

    Raises:
        DataError: there is no such folder, it has no known format, a folder of it may not be read,
            or the index of its images cannot be written.
    """
    source = detect(root)
    declared = source.declare()
    built = build_index(source, root, declared)
    records = Records(built.index, np.arange(len(built.index)))
    splits = dict(built.splits)
    faults: list[Finding] = []
    if source.splits is not None:
        listed, faults = read_splits(source.splits, Names(built.index))
        splits |= listed
    return Listing(
        source,
        built.classes,
        records,
        splits,
        declared.guessed,
        built.unread,
        (*declared.findings, *built.findings, *faults),
    )
