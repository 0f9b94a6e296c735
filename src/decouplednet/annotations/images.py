"""Finding and reading pictures: upright, three channels, wholly decoded, or refused."""

import os
import stat
import warnings
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from decouplednet.classes import composed
from decouplednet.errors import DataError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
# Photographs that must be converted first; all other endings are taken for no image at all.
_UNREAD_SUFFIXES = frozenset(
    (
        *(".avif", ".heic", ".heif", ".jp2", ".jpx", ".jxl", ".psd"),
        *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
    )
)
# Where the stored pixels lie in the shown picture, (H, W, 3): a view of it (EXIF 2.32, tag 274).
_TURNS: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: np.fliplr,
    3: lambda shown: np.rot90(shown, 2),
    4: np.flipud,
    5: lambda shown: shown.swapaxes(0, 1),
    6: np.rot90,
    7: lambda shown: np.rot90(shown.swapaxes(0, 1), 2),
    8: lambda shown: np.rot90(shown, -1),
}
_PIXELS = 2**18  # most pixels of a strip that is copied at once, unless a row has more
_QUARTER_TURNS = frozenset({5, 6, 7, 8})  # width and height change places
NO_IMAGE = (
    f"there is no image in this folder; image files end in {', '.join(sorted(IMAGE_SUFFIXES))}"
)
_SIXTEEN_BITS = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})


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
    name = _tidied(path)
    stem, dot, suffix = name.rpartition(".")
    return stem.rstrip() if stem and f"{dot}{suffix.lower()}" in IMAGE_SUFFIXES else name


def listed_name(listed: str, names: Container[str]) -> str:
    """Return the name that a list means, which may give it with or without extension.

    Args:
        listed: what the list says.
        names: of the images. One that is listed exactly wins, so that ``cat.jpg`` finds the image
            ``cat.jpg.png``.
    """
    exact = _tidied(listed)
    return exact if exact in names else name_of(listed)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return the picture as a viewer shows it.

    The EXIF orientation is applied. Grey, palette and CMYK pictures become RGB, 16-bit grey is
    scaled to 0..255, and transparent pixels are laid over white. At most 7 bytes a pixel are held
    meanwhile: the picture as Pillow decodes it, and the pixels.

    Returns:
        (H, W, 3) uint8, red first.

    Raises:
        DataError: the file is missing, cut short, no image, larger than Pillow's limit against
            decompression bombs, holds several pictures, or numbers without a known range.
    """
    with opened(path) as image:
        refuse_series(image)
        image.load()  # what is wrong with the pixels must not pass for a fault of the EXIF
        return _upright(image, _orientation(image))


def image_size(path: Path) -> tuple[int, int]:
    """Return (H, W) of the picture in pixels after its EXIF orientation, without decoding a JPEG.

    Raises:
        DataError: the file is missing or no image. A file that is cut short may pass.
    """
    with opened(path) as image:
        turned = _orientation(image) in _QUARTER_TURNS
        return (image.width, image.height) if turned else (image.height, image.width)


def _tidied(path: str) -> str:
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


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Give the open image; whatever Pillow raises, now or while it decodes, becomes one line."""
    try:
        _refuse_irregular(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of damaged EXIF, which does not count
            # Below twice its limit Pillow only warns of a decompression bomb.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except Exception as fault:  # Pillow's readers raise a dozen kinds on hostile files
        raise DataError(f"{path}: not a readable image: {_reason(path, fault)}") from None


@contextmanager
def allowing_pixels(most: int) -> Iterator[None]:
    """Let images of so many pixels be read while the context lasts, in all threads.

    Args:
        most: 0, or fewer than are allowed anyway, changes nothing.
    """
    before = Image.MAX_IMAGE_PIXELS
    if before is not None:
        Image.MAX_IMAGE_PIXELS = max(before, most)
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def refuse_series(image: Image.Image) -> None:
    """Refuse a file that holds several pictures, such as an animation; an MPO's previews pass.

    Raises:
        DataError: there is more than one.
    """
    frames = getattr(image, "n_frames", 1)
    # An MPO is what cameras save as .jpg: the picture itself, then previews of it.
    if frames > 1 and image.format != "MPO":
        raise DataError(f"it holds {frames} pictures; save the one that counts as its own file")


def _refuse_irregular(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
        raise DataError("it is no regular file")


def _reason(path: Path, fault: Exception) -> str:
    if isinstance(fault, FileNotFoundError):
        return "there is no such file"
    if isinstance(fault, UnidentifiedImageError):
        empty = path.stat().st_size == 0
        return "the file is empty" if empty else "its content is of no known image format"
    if isinstance(fault, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS} pixels"
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return " ".join(str(fault).split()) or type(fault).__name__


def _orientation(image: Image.Image) -> int:
    """Return how the picture is turned, 1 to 8; damaged EXIF leaves it as it is stored: 1."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow's reader raises several kinds on damaged EXIF
        return 1


def _upright(image: Image.Image, orientation: int) -> NDArray[np.uint8]:
    """Return the (H, W, 3) pixels of a loaded picture, strip by strip, so that no copy is made."""
    width, height = image.size
    turned = orientation in _QUARTER_TURNS
    shown = np.empty((width, height, 3) if turned else (height, width, 3), np.uint8)
    stored = _TURNS[orientation](shown) if orientation in _TURNS else shown
    rows = max(1, _PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        stored[top : top + rows] = np.asarray(_to_rgb(strip, image.format))
    return shown


def _to_rgb(image: Image.Image, file_format: str | None) -> Image.Image:
    if image.mode in _SIXTEEN_BITS or (image.mode == "I" and file_format == "PNG"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("I", "F"):
        raise DataError(f"its numbers have no known range (mode {image.mode}); save it with 8 bits")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 0..65535 scaled to 0..255 and rounded: 255 x 257 = 65535."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
