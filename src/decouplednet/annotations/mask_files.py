"""Picture files that hold masks: which formats keep ids, what they store, and what they show."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.images import opened, refuse_series
from decouplednet.classes import IGNORE
from decouplednet.errors import DataError

MASK_SUFFIXES = frozenset({".bmp", ".gif", ".png", ".tif", ".tiff"})
_FORMATS = frozenset({"BMP", "GIF", "PNG", "TIFF"})
# Compressions of TIFF, as Pillow calls them, that give back what was stored (TIFF 6.0 and its
# supplements): all but JPEG, WebP and the SGI and ThunderScan schemes.
_LOSSLESS = frozenset(
    (
        *("raw", "tiff_raw_16", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate"),
        *("tiff_ccitt", "group3", "group4", "lzma", "zstd"),
    )
)
# How the bytes of a grey picture are unpacked: its bits, and whether the file has 0 for white.
_GREY = re.compile(r"(?P<mode>[1L])(?:;(?P<bits>[24]?)(?P<inverted>I?)R?)?")


def stored_pixels(path: Path) -> NDArray[np.uint8]:
    """Return the numbers of a picture as they are stored; colours of a palette do not count.

    Returns:
        (H, W) uint8 ids, or (H, W, channels) of a picture in full colour.

    Raises:
        DataError: the file is missing or cut short, its format or compression may change ids, it
            holds several pictures, fractions, or numbers over 255.
    """
    with opened(path) as image:
        refuse_series(image)
        storage = _storage(image)
        numbers = np.array(image)
    _refuse_lossy(path, storage)
    return _ids(path, numbers, storage.rawmode)


def shown_colours(path: Path) -> NDArray[np.uint8]:
    """Return the colours that a picture shows; where it is wholly transparent, black.

    Returns:
        (H, W, 3) uint8, red first, or (H, W) of a grey picture; numbers of more than 8 bits are
        not scaled.

    Raises:
        DataError: as `stored_pixels`.
    """
    with opened(path) as image:
        refuse_series(image)
        storage = _storage(image)
        grey = image.mode in ("1", "L")
        deep = image.mode[:1] in ("I", "F")
        pixels = np.array(image) if deep else np.array(image.convert("L" if grey else "RGBA"))
    _refuse_lossy(path, storage)
    if deep:
        return _ids(path, pixels, storage.rawmode)
    if grey:
        return pixels
    pixels[pixels[..., 3] == 0] = 0
    return pixels[..., :3]


def format_finding(path: Path) -> Finding | None:
    """Return what is wrong with the name of a mask's file: its format may change ids."""
    if path.suffix.lower() in MASK_SUFFIXES:
        return None
    message = (
        "a mask is a PNG, TIFF, BMP or GIF, because other formats may change ids; export it as PNG"
    )
    return Finding("mask-format", str(path), message)


@dataclass(frozen=True, slots=True)
class _Storage:
    """How a picture is stored, in Pillow's words.

    Args:
        form: the format of the file.
        compression: of a TIFF, else empty.
        rawmode: how the bytes are unpacked; empty where the format does not say.
    """

    form: str
    compression: str
    rawmode: str


def _storage(image: Image.Image) -> _Storage:
    """Return how an open picture is stored; not to be asked once it is decoded."""
    arguments = image.tile[0][3] if isinstance(image, ImageFile) and image.tile else ""
    rawmode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    form = image.format or ""
    compression = str(image.info.get("compression", "")) if form == "TIFF" else ""
    return _Storage(form, compression, str(rawmode))


def _refuse_lossy(path: Path, storage: _Storage) -> None:
    if storage.form not in _FORMATS:
        raise DataError(
            f"{path}: is a {storage.form} inside; a mask is a PNG, because other formats may "
            "change ids; export it as PNG"
        )
    if storage.form == "TIFF" and storage.compression not in _LOSSLESS:
        raise DataError(
            f"{path}: is a TIFF compressed by {storage.compression}, which may change ids; "
            "compress it by LZW or deflate, or export it as PNG"
        )


def _ids(path: Path, numbers: NDArray[Any], rawmode: str) -> NDArray[np.uint8]:
    if numbers.dtype.kind == "f":
        raise DataError(
            f"{path}: holds numbers with fractions; ids are whole, 0 to {IGNORE}; export it with 8 "
            "bits"
        )
    if numbers.size and not 0 <= numbers.min() <= numbers.max() <= IGNORE:
        wrong = numbers.min() if numbers.min() < 0 else numbers.max()
        raise DataError(f"{path}: holds id {wrong}; ids are 0 to {IGNORE}, the last ignored")
    return _unspread(numbers.astype(np.uint8), rawmode)


def _unspread(pixels: NDArray[np.uint8], rawmode: str) -> NDArray[np.uint8]:
    """Undo what Pillow does to show greys, which would turn id 1 into 85, 17 or 254."""
    grey = _GREY.fullmatch(rawmode)
    if grey is None:
        return pixels
    bits = 1 if grey["mode"] == "1" else int(grey["bits"] or 8)
    top = 2**bits - 1
    spread = 1 if bits in (1, 8) else 255 // top
    ids = (pixels // spread).astype(np.uint8)
    return (top - ids).astype(np.uint8) if grey["inverted"] else ids
