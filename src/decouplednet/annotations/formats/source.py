"""What a reader of a format gives: which files hold annotations, and what each of them says."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.mask_content import Content
from decouplednet.classes import ClassList


@dataclass(frozen=True, slots=True)
class Said:
    """What one place of an annotation file says of one image.

    Several may speak of one image: their tags are united, and the first mask counts.

    Args:
        image: as the file names it: a path under the image folder, with or without extension.
        tags: classes that are on the image; empty: looked at, none there; None: nothing said.
        unsaid: classes of which the place says neither that they are there nor that they are not,
            such as empty cells of a wide table.
        mask: what a mask is made of, or None. Its classes need not be among the tags.
        line: of the file, from 1, for messages; 0 where lines do not help.
        drawn: classes of the shapes of ``mask``, so that they are known without making it.
        once: a second row of the file about the same image is a fault.
        optional: whether it may speak of an image that the data set lacks.
    """

    image: str
    tags: frozenset[str] | None = None
    unsaid: frozenset[str] = frozenset()
    mask: Content | None = None
    line: int = 0
    drawn: frozenset[str] = frozenset()
    once: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """What a data set says as a whole, read from short files each time.

    Args:
        classes: in the order of their ids; None: all names that are said, sorted.
        findings: faults of these files.
        splits: split name to images, beside the lists of a folder of splits.
        guessed: whether the classes may be on no image at all, as VOC's twenty may; else each is
            looked for.
    """

    classes: ClassList | None = None
    findings: tuple[Finding, ...] = ()
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guessed: bool = False


class Source(Protocol):
    """A data set in one format.

    A source opens nothing when it is made; `annotation_files` lists, `read` reads one file. What a
    file said is kept in the index of the data set until its size or time of change differs, so a
    file must be read without regard to the others.
    """

    @property
    def name(self) -> str:
        """The format's name, as ``data.format`` gives it: ``coco``, ``voc``, ..."""

    @property
    def statement(self) -> str:
        """What was found that tells the format: ``COCO instances, from annotations/train.json``."""

    @property
    def images(self) -> Path:
        """The folder that holds the images, in sub-folders too."""

    @property
    def apart(self) -> tuple[Path, ...]:
        """Folders under ``images`` whose files are no images of the data set, such as masks."""

    @property
    def loose(self) -> bool:
        """Whether an image may be meant whose file name alone is what an annotation says."""

    @property
    def splits(self) -> Path | None:
        """The folder of the lists ``NAME.txt``, if the format has one."""

    @property
    def class_file(self) -> Path | None:
        """The file that a user edits to change the classes, for messages."""

    def declare(self) -> Declared:
        """Return the classes, and the faults of the files that name them."""

    def annotation_files(self) -> Iterable[Path]:
        """Yield the files that `read` takes, in the order in which they count; sorted by name.

        Raises:
            DataError: a folder may not be read.
        """

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield what a file says, one image after the other; a fault of one hides no other.

        Raises:
            DataError: the whole file cannot be read. What it yielded before does not count.
        """
