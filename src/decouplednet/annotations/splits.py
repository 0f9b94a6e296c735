"""Splits: named lists of images, one text file each."""

from collections.abc import Collection
from pathlib import Path

from decouplednet.annotations.files import read_lines
from decouplednet.annotations.findings import Finding, finding_of
from decouplednet.annotations.image_files import listed_name
from decouplednet.annotations.proposals import Proposals
from decouplednet.errors import DataError


def read_splits(
    folder: Path, images: Collection[str]
) -> tuple[dict[str, tuple[str, ...]], list[Finding]]:
    """Return the image names of every ``NAME.txt`` of a folder, and what is wrong with them.

    Args:
        folder: the folder of the lists; it may be missing.
        images: the names of all images.
    """
    splits: dict[str, tuple[str, ...]] = {}
    findings: list[Finding] = []
    for file in sorted(folder.glob("*.txt")):
        try:
            lines = read_lines(file)
        except DataError as fault:
            findings.append(finding_of("unreadable-list", file, fault))
            continue
        names = [listed_name(line, images) for line in lines if line.strip()]
        splits[file.stem] = tuple(dict.fromkeys(names))
        findings += _faults(file, names, images)
    return splits, findings


def _faults(file: Path, names: list[str], images: Collection[str]) -> list[Finding]:
    if not names:
        return [Finding("empty-split", str(file), "the split names no image; write one a line")]
    proposals = Proposals(images)
    seen: set[str] = set()
    found = []
    for name in names:
        if name in seen:
            found.append(
                Finding("duplicate-split-id", str(file), f"{name!r} is named twice; remove one")
            )
        elif name not in images:
            remedy = proposals.remedy(name, "correct the line, or remove it")
            message = f"{name!r} has no image; {remedy}"
            found.append(Finding("split-without-file", str(file), message))
        seen.add(name)
    return found
