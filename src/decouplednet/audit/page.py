"""The page of an audit: what it found, and the images to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from decouplednet.audit.look import Picture
from decouplednet.audit.outcome import Audit
from decouplednet.audit.suspicion import Suspicion
from decouplednet.counts import count
from decouplednet.report.page import Part
from decouplednet.report.template import render

PACKAGE = "decouplednet.audit"
PARTS = (
    Part("summary", "Summary"),
    Part("classes", "Tags of each class"),
    Part("images", "Images to look at"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An image on the page.

    Args:
        rank: of its most probable fault, from 1.
        image: its path under the folder of images.
        tags: what they say, of the classes that are audited.
        picture: what it looks like.
        suspicions: its faults, most probable first.
    """

    rank: int
    image: str
    tags: tuple[str, ...]
    picture: Picture
    suspicions: tuple[Suspicion, ...]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """What was found of one class.

    Args:
        name: of the class.
        index: in the model, from 1.
        tagged: images that are tagged with it.
        missing: suspicions, of at least one half, that it is missing.
        wrong: the same, that it is not there.
    """

    name: str
    index: int
    tagged: int
    missing: int
    wrong: int


def write_page(audit: Audit, pictures: Mapping[str, Picture]) -> bytes:
    """Return the page, one HTML file that needs no other file and no network.

    Args:
        audit: what was found.
        pictures: of the images to show, by their names.
    """
    values: dict[str, Any] = {
        "title": audit.data,
        "subject": "audit of tags",
        "lead": "Audit with decouplednet: tags of images that are probably wrong or missing.",
        "origin": "Written from a model and the images of the data set.",
        "parts": PARTS,
        "audit": audit,
        "rows": class_rows(audit),
        "left_out": count(len(audit.failures), "image"),
        "likely": sum(one.suspicion >= 0.5 for one in audit.ranked),
        "entries": entries(audit, pictures),
        "classes": audit.model_classes,
        "indices": {name: index for index, name in enumerate(audit.model_classes, start=1)},
    }
    return render(values, package=PACKAGE).encode()


def class_rows(audit: Audit) -> tuple[ClassRow, ...]:
    """Return what was found of each class that was audited."""

    def likely(name: str, kind: str) -> int:
        its = (one for one in audit.ranked if one.name == name and one.kind == kind)
        return sum(one.suspicion >= 0.5 for one in its)

    return tuple(
        ClassRow(
            name=name,
            index=audit.model_classes.index(name) + 1,
            tagged=tagged,
            missing=likely(name, "missing"),
            wrong=likely(name, "wrong"),
        )
        for name, tagged in audit.tagged.items()
    )


def entries(audit: Audit, pictures: Mapping[str, Picture]) -> tuple[Entry, ...]:
    """Return the images that have pictures, in the order of their most probable fault."""
    by_image: dict[str, list[tuple[int, Suspicion]]] = {}
    for rank, one in enumerate(audit.ranked, start=1):
        if one.record.name in pictures:
            by_image.setdefault(one.record.name, []).append((rank, one))
    return tuple(_entry(found, audit, pictures[name]) for name, found in by_image.items())


def _entry(found: Sequence[tuple[int, Suspicion]], audit: Audit, picture: Picture) -> Entry:
    rank, first = found[0]
    tags = tuple(name for name in audit.tagged if name in (first.record.tags or ()))
    return Entry(rank, first.image, tags, picture, tuple(one for _, one in found))
