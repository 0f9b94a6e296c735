"""The files of images: their names, and finding them."""

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from decouplednet.classes import composed
from decouplednet.errors import DataError

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
# Photographs that must be converted first; all other endings are taken for no image at all.
_UNREAD_SUFFIXES = frozenset(
    (
        *(".avif", ".heic", ".heif", ".jp2", ".jpx", ".jxl", ".psd"),
        *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
    )
)
NO_IMAGE = (
    f"there is no image in this folder; image files end in {', '.join(sorted(IMAGE_SUFFIXES))}"
)


@dataclass(frozen=True, slots=True)
class FoundImages:
    """What lies in a folder.

    Args:
        images: files that are named like images, sorted.
        skipped: all other files, sorted.
    """

    images: tuple[Path, ...]
    skipped: tuple[Path, ...]

    @property
    def unread(self) -> tuple[Path, ...]:
        """The skipped files that are photographs in a format that is not read.

        One beside an image of the same name, as cameras write raw and JPEG, is not among them.
        """
        names = {path.with_suffix("") for path in self.images}
        return tuple(
            path
            for path in self.skipped
            if path.suffix.lower() in _UNREAD_SUFFIXES
            and not path.name.startswith(".")
            and path.with_suffix("") not in names
        )


def find_images(root: Path) -> FoundImages:
    """Return the images under a folder and its sub-folders, or the one file that was named.

    Folders whose name starts with a dot are not entered, and files whose name does are skipped
    (macOS leaves ``._cat.jpg`` beside ``cat.jpg``). A file that is named itself counts as an image
    whatever its name.

    Raises:
        DataError: there is no such file or folder, a folder may not be read, or the name of an
            image is no UTF-8, so that no list could hold it.
    """
    if root.is_file():
        return FoundImages((root,), ())
    if not root.is_dir():
        raise DataError(f"{root}: there is no such file or folder")
    images: list[Path] = []
    skipped: list[Path] = []
    for path in _walk(root, frozenset()):
        (images if is_image_name(path.name) else skipped).append(path)
    _check_encoding(images)
    return FoundImages(tuple(sorted(images)), tuple(sorted(skipped)))


def walk_images(root: Path) -> Iterator[tuple[str, bool]]:
    """Yield the path of every file below a folder, and whether it is named like an image.

    Hidden folders and files count as in `find_images`; nothing is sorted or held.

    Raises:
        DataError: a folder may not be read, or the name of an image is no UTF-8.
    """
    for path in _walk(root, frozenset()):
        is_image = is_image_name(path.name)
        if is_image:
            _check_encoding([path])
        yield str(path), is_image


def is_unread_photograph(path: str) -> bool:
    """Tell whether a file is named like a photograph in a format that is not read."""
    name = path.rpartition("/")[2]
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in _UNREAD_SUFFIXES  # noqa: PTH122 - as above


def holds_image(root: Path) -> bool:
    """Tell whether an image lies anywhere under a folder, as far as it may be read."""
    try:
        return any(is_image_name(path.name) for path in _walk(root, frozenset()))
    except DataError:
        return False


def is_image_name(name: str) -> bool:
    """Tell whether a file name ends like an image's and is not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - as fast as a folder of many thousand files needs


def name_of(path: str) -> str:
    r"""Return the name of an image file: its path with ``/`` and without image extension.

    Accents are composed (NFC), because file systems and spreadsheets write them differently.
    What a list holds may be a name already: see `listed_name`.

    >>> name_of(r"sub\cat.JPG"), name_of("2007.000063"), name_of("cat.jpg.png")
    ('sub/cat', '2007.000063', 'cat.jpg')
    """
    name = tidied(path)
    stem, dot, suffix = name.rpartition(".")
    return stem.rstrip() if stem and f"{dot}{suffix.lower()}" in IMAGE_SUFFIXES else name


def listed_name(listed: str, names: Container[str]) -> str:
    """Return the name that a list means, which may give it with or without extension.

    Args:
        listed: what the list says.
        names: of the images. One that is listed exactly wins, so that ``cat.jpg`` finds the image
            ``cat.jpg.png``.
    """
    exact = tidied(listed)
    return exact if exact in names else name_of(listed)


def tidied(path: str) -> str:
    """Return a path as lists may write it: ``/`` between folders, accents composed."""
    return composed(path.strip().replace("\\", "/")).removeprefix("./")


def _walk(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """Yield the files below a folder; a link that leads back to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as fault:
        raise DataError(f"{folder}: cannot be read: {fault.strerror}") from None
    for entry in entries:
        if not _is_folder(entry):
            yield Path(entry.path)
        elif not entry.name.startswith("."):
            yield from _walk(Path(entry.path), above | {real})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself; whoever opens it is told
        return False


def _check_encoding(paths: list[Path]) -> None:
    for path in paths:
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{os.fsencode(path)!r}: a file name that is not UTF-8; rename it"
            ) from None
