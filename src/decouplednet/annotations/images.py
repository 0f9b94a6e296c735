"""Reading pictures: upright, three channels, wholly decoded, or refused."""

import io
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from decouplednet.annotations.colour_modes import Levels, levels_of, to_rgb
from decouplednet.errors import DataError

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # as Pillow names what these hold
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
_WIDTH, _HEIGHT = 256, 257  # tags of TIFF 6.0, section 8


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return the picture as a viewer shows it.

    The EXIF orientation is applied. Grey, palette and CMYK pictures become RGB, grey of up to 16
    bits is scaled to 0..255, and transparent pixels are laid over white. Of an animation or of
    several pages the first is taken, see `picture_count`. At most 7 bytes a pixel are held
    meanwhile: the picture as Pillow decodes it, and the pixels.

    Returns:
        (H, W, 3) uint8, red first.

    Raises:
        DataError: the file is missing, cut short, no image, larger than Pillow's limit against
            decompression bombs, or holds numbers without a known range.
    """
    with opened(path) as image:
        return _shown(image)


def decode_image(content: bytes, name: str, most_pixels: int) -> NDArray[np.uint8]:
    """Return the picture that a file of this content shows, as `read_image` does.

    Args:
        content: of the file.
        name: of the picture, for messages.
        most_pixels: nothing of a picture with more is decoded.

    Returns:
        (H, W, 3) uint8, red first.

    Raises:
        DataError: it is cut short, no image of a known format, too large, or holds numbers without
            a known range.
    """
    with (
        _named(name, lambda: not content),
        Image.open(io.BytesIO(content), formats=_FORMATS) as image,
    ):
        if image.width * image.height > most_pixels:
            raise DataError(f"it has {image.width} x {image.height} pixels; at most {most_pixels}")
        return _shown(image)


def image_size(path: Path) -> tuple[int, int]:
    """Return (H, W) of the picture in pixels after its EXIF orientation, without decoding a JPEG.

    Raises:
        DataError: the file is missing or no image. A file that is cut short may pass.
    """
    with opened(path) as image:
        width, height = _stored_size(image)
        turned = _orientation(image) in _QUARTER_TURNS
        return (width, height) if turned else (height, width)


def picture_count(path: Path) -> int:
    """Return how many pictures a file holds, the first of which `read_image` takes.

    An animation (GIF, PNG, WebP) and a TIFF of several pages hold several; the previews that a
    camera adds to a JPEG do not count.

    Raises:
        DataError: the file is missing or no image, or is damaged behind its first picture.
    """
    with opened(path) as image:
        return _pictures(image)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Give the open image; whatever Pillow raises, now or while it decodes, becomes one line."""
    with _named(str(path), lambda: path.stat().st_size == 0):
        _refuse_irregular(path)
        with Image.open(path) as image:
            yield image


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
    pictures = _pictures(image)
    if pictures > 1:
        raise DataError(f"it holds {pictures} pictures; save the one that counts as its own file")


def _pictures(image: Image.Image) -> int:
    # An MPO is what cameras save as .jpg: the picture itself, then previews of it.
    return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))


@contextmanager
def _named(name: str, is_empty: Callable[[], bool]) -> Iterator[None]:
    """Turn whatever Pillow raises, now or while it decodes, into one line with a name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of damaged EXIF, which does not count
            # Below twice its limit Pillow only warns of a decompression bomb.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except Exception as fault:  # Pillow's readers raise a dozen kinds on hostile files
        raise DataError(f"{name}: not a readable image: {_reason(fault, is_empty)}") from None


def _shown(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an open picture, upright."""
    levels = levels_of(image)
    image.load()  # what is wrong with the pixels must not pass for a fault of the EXIF
    return _upright(image, _orientation(image), levels)


def _refuse_irregular(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
        raise DataError("it is no regular file")


def _reason(fault: Exception, is_empty: Callable[[], bool]) -> str:
    if isinstance(fault, FileNotFoundError):
        return "there is no such file"
    if isinstance(fault, UnidentifiedImageError):
        return "the file is empty" if is_empty() else "its content is of no known image format"
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


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height before the EXIF orientation."""
    if isinstance(image, TiffImageFile):  # of a TIFF some versions of Pillow tell the shown size
        return int(image.tag_v2[_WIDTH]), int(image.tag_v2[_HEIGHT])
    return image.size


def _upright(image: Image.Image, orientation: int, levels: Levels | None) -> NDArray[np.uint8]:
    """Return the (H, W, 3) pixels of a loaded picture, strip by strip, so that no copy is made."""
    width, height = image.size
    turned = orientation in _QUARTER_TURNS
    shown = np.empty((width, height, 3) if turned else (height, width, 3), np.uint8)
    stored = _TURNS[orientation](shown) if orientation in _TURNS else shown
    rows = max(1, _PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        stored[top : top + rows] = np.asarray(to_rgb(strip, levels))
    return shown
