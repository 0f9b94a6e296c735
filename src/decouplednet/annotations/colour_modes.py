"""Pictures of every kind as 8-bit red, green and blue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from decouplednet.errors import DataError

_SIXTEEN_BITS = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
# Tags of TIFF 6.0, section 8, and the value of the second that means that 0 is white.
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0


@dataclass(frozen=True, slots=True)
class Levels:
    """What the numbers of a picture of more than 8 bits mean.

    Args:
        top: the highest that the file may hold, such as 65535, or 4095 of 12 bits.
        inverted: whether 0 is white and ``top`` black.
    """

    top: int
    inverted: bool = False


def levels_of(image: Image.Image) -> Levels | None:
    """Return what the numbers of an open picture of more than 8 bits mean; None: it has 8 bits.

    Raises:
        DataError: they have no known range: fractions, negative numbers, or 32 bits.
    """
    if image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format == "PNG"):
        return _of_tiff(image) if isinstance(image, TiffImageFile) else Levels(65535)
    if image.mode in ("I", "F"):
        raise DataError(f"its numbers have no known range (mode {image.mode}); save it with 8 bits")
    return None


def to_rgb(image: Image.Image, levels: Levels | None) -> Image.Image:
    """Return a picture, or a strip of one, in red, green and blue, transparent pixels over white.

    Args:
        image: decoded pixels of any mode but those that `levels_of` refuses.
        levels: what `levels_of` says of the whole picture.
    """
    if levels is not None:
        return _grey(image, levels).convert("RGB")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _of_tiff(image: TiffImageFile) -> Levels:
    bits = int(np.ravel(image.tag_v2.get(_BITS_PER_SAMPLE, 16))[0])
    return Levels(2**bits - 1, image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _grey(image: Image.Image, levels: Levels) -> Image.Image:
    """Return 0..top scaled to 0..255 and rounded."""
    numbers: NDArray[np.uint32] = np.minimum(np.asarray(image).astype(np.uint32), levels.top)
    grey = ((numbers * 255 + levels.top // 2) // levels.top).astype(np.uint8)
    if levels.inverted:
        grey = 255 - grey
    clear = image.info.get("transparency")
    if isinstance(clear, int):  # the one grey that a PNG says is transparent
        grey[numbers == clear] = 255
    return Image.fromarray(grey)
