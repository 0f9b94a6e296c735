"""One image of a data set and what people said about it."""

from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.mask_source import MaskSource


@dataclass(frozen=True, slots=True)
class Record:
    """One image with its tags and its mask.

    Args:
        name: path under the image folder without extension, with ``/`` between folders.
        image: the image file.
        tags: classes that people said are on it; empty: looked at, none of the classes; None:
            nobody said anything. The classes of the mask are not among them.
        mask: the mask, or None.
        unsaid: classes of which nobody said whether they are there, although others were said.
    """

    name: str
    image: Path
    tags: frozenset[str] | None
    mask: MaskSource | None
    unsaid: frozenset[str] = frozenset()
