"""The kinds of image that Python callers hand over, as arrays."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from decouplednet.annotations.images import read_image
from decouplednet.errors import DataError

AnyImage = Path | str | Image.Image | NDArray[np.uint8]

_EIGHT_BIT_MODES = frozenset({"1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB"})


def pixels_of(image: AnyImage) -> NDArray[np.uint8]:
    """Return the (H, W, 3) uint8 RGB pixels of an image.

    Args:
        image: a file, a Pillow image (both turned upright by EXIF), or an array, which is returned
            as it is.

    Raises:
        DataError: it is none of these, or cannot be read.
    """
    if isinstance(image, Path | str):
        return read_image(Path(image))
    if isinstance(image, Image.Image):
        return _of_picture(image)
    if isinstance(image, np.ndarray):
        return image
    raise DataError(
        "an image is a path, a Pillow image or an array (H, W, 3) uint8; found "
        f"{type(image).__name__}"
    )


def _of_picture(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode not in _EIGHT_BIT_MODES or picture.has_transparency_data:
        raise DataError(
            f"a Pillow image of mode {picture.mode} has transparency or more than 8 bits; give the "
            'path of its file, or convert it: image.convert("RGB")'
        )
    try:
        return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except Exception as fault:  # Pillow decodes now, and its readers raise a dozen kinds
        raise DataError(f"the Pillow image cannot be decoded: {fault}") from None
