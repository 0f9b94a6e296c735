"""A black-and-white mask for each class: a folder of each class, or its name at the end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.heads import some_entries
from decouplednet.annotations.formats.named_classes import declared_classes
from decouplednet.annotations.formats.source import Declared, Said
from decouplednet.annotations.image_files import find_images
from decouplednet.annotations.mask_files import format_finding
from decouplednet.annotations.mask_kinds.binaries import By, Places
from decouplednet.annotations.mask_names import has_image, is_ending, split_owner
from decouplednet.annotations.special_names import tidy_name
from decouplednet.classes import composed

_LOOKED_AT = 50  # masks whose names tell the format


@dataclass(frozen=True, slots=True)
class ClassMasks:
    """A folder of images, and for each class masks that are black and white.

    Args:
        root: the data set's folder.
        by: ``folder``: ``masks/CLASS/IMAGE.png``; ``suffix``: ``masks/IMAGE_CLASS.png``.
    """

    root: Path
    by: By

    @property
    def name(self) -> str:
        """The format's name."""
        return "class-masks"

    @property
    def statement(self) -> str:
        """What was found that tells the format."""
        place = "CLASS/IMAGE" if self.by == "folder" else "IMAGE_CLASS"
        return f"a black-and-white mask for each class, masks/{place}.png"

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.root / "images"

    @property
    def masks(self) -> Path:
        """The folder of the masks."""
        return self.root / "masks"

    @property
    def apart(self) -> tuple[Path, ...]:
        """Nothing: the masks have their own folder."""
        return ()

    @property
    def loose(self) -> bool:
        """No: a mask lies at the path of its image."""
        return False

    @property
    def splits(self) -> Path | None:
        """The folder of lists."""
        return self.root / "splits"

    @property
    def class_file(self) -> Path | None:
        """None: the names of folders or files are those of the classes."""
        return None

    def declare(self) -> Declared:
        """Return the classes that have masks, sorted.

        Raises:
            DataError: a folder may not be read.
        """
        labels = {self._place(file)[1] for file in find_images(self.masks).images}
        return declared_classes(sorted(label for label in labels if label), self.masks)

    def annotation_files(self) -> Iterable[Path]:
        """Yield the first mask of each image, sorted, and each that is of another format.

        Raises:
            DataError: a folder may not be read.
        """
        first: dict[str, Path] = {}
        for file in find_images(self.masks).images:
            bad = format_finding(file) is not None
            first.setdefault(str(file) if bad else self._place(file)[0], file)
        return sorted(first.values())

    def read(self, file: Path) -> Iterator[Said | Finding]:
        """Yield the image of a mask, or why it is refused; nothing is opened."""
        fault = format_finding(file)
        if fault is not None:
            yield fault
            return
        name, label = self._place(file)
        if label is None:
            yield Finding("mask-without-class", str(file), self._no_class())
            return
        places = Places(self.masks, self.images, self.by)
        yield Said(composed(name), mask=places.content(file, name))

    def _place(self, file: Path) -> tuple[str, str | None]:
        """Return the name of the image that a mask belongs to, as it is spelt, and its class."""
        stem = file.relative_to(self.masks).with_suffix("").as_posix()
        if self.by == "folder":
            folder, _, name = stem.partition("/")
            return (name, tidy_name(folder)) if name else (stem, None)
        owner = split_owner(stem, self.images)
        return (stem, None) if owner is None else (owner[0], tidy_name(owner[1]))

    def _no_class(self) -> str:
        if self.by == "folder":
            return f"lies in no folder of a class; move it to {self.masks}/CLASS/, or remove it"
        return (
            f"its name is not IMAGE_CLASS, with an image of {self.images}; rename it, or remove it"
        )


def detect(root: Path) -> ClassMasks | None:
    """Return the data set, if the names of the masks are those of images and of classes.

    By folder: there are masks in sub-folders of ``masks/`` only, one is named as an image, and
    ``images/`` has none of these sub-folders. By suffix: each of the first masks is named as an
    image, ``_`` and something else than ``mask``, and none as an image.
    """
    images, masks = root / "images", root / "masks"
    if not images.is_dir() or not masks.is_dir():
        return None
    folders, files = some_entries(masks)
    named = [path for path in files if format_finding(path) is None]
    if folders and not named and _are_classes(folders, images):
        return ClassMasks(root, "folder")
    for folder in folders:
        named = named or [path for path in some_entries(folder)[1] if format_finding(path) is None]
    stems = [path.relative_to(masks).with_suffix("").as_posix() for path in named[:_LOOKED_AT]]
    return ClassMasks(root, "suffix") if _end_in_classes(stems, images) else None


def _are_classes(folders: Sequence[Path], images: Path) -> bool:
    if any((images / folder.name).is_dir() for folder in folders):
        return False
    for folder in folders[:_LOOKED_AT]:
        named = [path for path in some_entries(folder)[1] if format_finding(path) is None]
        if any(has_image(images, path.stem) for path in named[:_LOOKED_AT]):
            return True
    return False


def _end_in_classes(stems: Sequence[str], images: Path) -> bool:
    if any(has_image(images, stem) for stem in stems):
        return False
    owners = [split_owner(stem, images) for stem in stems]
    labels = {owner[1] for owner in owners if owner is not None}
    return bool(labels) and None not in owners and not all(is_ending(label) for label in labels)
