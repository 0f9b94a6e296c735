"""A mask that can be read, wherever it comes from."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.annotations.mask_kinds import binaries, colours, segments, shapes
from decouplednet.annotations.masks import read_mask, read_pixels
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

_Reader = Callable[[Content, Path, ClassList], NDArray[np.uint8]]
_READERS: Mapping[Kind, _Reader] = {
    Kind.SHAPES: shapes.read,
    Kind.SEGMENTS: segments.read,
    Kind.COLOURS: colours.read,
    Kind.BINARIES: binaries.read,
}


@dataclass(frozen=True, slots=True)
class MaskSource:
    """A mask that can be read: what it is made of, and the classes that its ids stand for.

    Args:
        content: what it is made of.
        image: the image it belongs to, whose size it may take.
        classes: of the data set; None: not known, so that a PNG of ids alone can be read.
    """

    content: Content
    image: Path
    classes: ClassList | None

    @property
    def path(self) -> Path:
        """The file to name in messages."""
        return self.content.file

    @property
    def readable(self) -> bool:
        """Whether the classes are known that it takes to read the mask."""
        return self.classes is not None or self.content.kind == Kind.INDEX

    def read(self) -> NDArray[np.uint8]:
        """Return the ids: (H, W) uint8, 0 background, 1.. the classes, 255 not known.

        Raises:
            DataError: a file is missing or damaged, or a PNG of ids is a colour picture.
        """
        if self.content.kind == Kind.INDEX:
            return read_mask(self.path)
        if self.classes is None:
            raise DataError(f"{self.path}: there is no class list to read the mask by")
        return _READERS[self.content.kind](self.content, self.image, self.classes)

    def pixels(self) -> NDArray[np.uint8]:
        """Return what `read` does, and a PNG of ids in colour as (H, W, channels).

        Raises:
            DataError: a file is missing or damaged.
        """
        return read_pixels(self.path) if self.content.kind == Kind.INDEX else self.read()

    def notes(self) -> tuple[Finding, ...]:
        """Return what is to be known of the mask beside its faults, such as classes that overlap.

        Raises:
            DataError: as `read`.
        """
        if self.content.kind == Kind.BINARIES and self.classes is not None:
            return binaries.notes(self.content, self.classes)
        return ()

    def contradicting(self, tags: frozenset[str] | None) -> frozenset[str] | None:
        """Return the tags that may say what 255 means, see ``looks_binary``; drawn masks say it.

        Args:
            tags: of the image; None if nobody said.
        """
        return tags if self.content.kind == Kind.INDEX else frozenset()

    def digest(self) -> str:
        """Return a digest that another mask does not share.

        Raises:
            DataError: a file cannot be read.
        """
        digest = hashlib.sha256()
        if self.content.kind != Kind.INDEX:  # ids by name: other classes make another mask
            digest.update("\n".join((self.content.more, *(self.classes or ()))).encode())
        for path in self._files():
            if self.content.kind == Kind.BINARIES:  # the place tells the class
                digest.update(f"{path.parent.name}/{path.name}\n".encode())
            try:
                digest.update(path.read_bytes())
            except OSError as fault:
                raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
        return digest.hexdigest()

    def _files(self) -> tuple[Path, ...]:
        """Return the files whose content the mask depends on, beside what is in the index."""
        if self.content.kind == Kind.SHAPES:
            return ()
        if self.content.kind == Kind.COLOURS:
            return colours.files(self.content)
        if self.content.kind == Kind.BINARIES and self.classes is not None:
            return binaries.files(self.content, self.classes)
        return (self.path,)
