"""What a mask is made of, before anybody makes it."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Kind(StrEnum):
    """How a mask is stored; each kind but the first has a module of ``mask_kinds/``."""

    INDEX = "index"
    """One PNG of ids of the data set's classes."""
    SHAPES = "shapes"
    """Outlines, run lengths, boxes, points and strokes in an annotation file."""
    SEGMENTS = "segments"
    """One PNG whose colours are ids of segments, as in COCO panoptic, or numbers of classes."""
    COLOURS = "colours"
    """One picture in which each class has a colour."""
    BINARIES = "binaries"
    """A black-and-white picture for each class."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a mask is made of, as the index of a data set keeps it.

    Args:
        kind: how it is stored.
        file: the picture that holds it, or the annotation file that describes it.
        more: JSON that the module of this kind understands; names of classes in it, never ids of
            the data set's classes, which may change without it.
    """

    kind: Kind
    file: Path
    more: str = ""

    def details(self) -> Any:  # JSON of the form that the module of the kind describes
        """Return ``more``, parsed."""
        return json.loads(self.more)


def index_mask(path: Path) -> Content:
    """Return the content of a PNG of ids."""
    return Content(Kind.INDEX, path)
