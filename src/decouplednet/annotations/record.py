"""One image of a data set and what people said about it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """One image with its tags and its mask.

    Args:
        name: path under the image folder without extension, with ``/`` between folders.
        image: the image file.
        tags: classes of its row in tags.csv united with its VOC objects; empty: looked at, none
            of the classes; None: neither exists. The classes of the mask are not among them.
        mask: the mask file, or None.
    """

    name: str
    image: Path
    tags: frozenset[str] | None
    mask: Path | None
