"""Overlays as JPEG."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.errors import DataError


def jpeg(overlay: NDArray[np.uint8], place: Path) -> bytes:
    """Return a picture, (H, W, 3) uint8 RGB, as a JPEG.

    Args:
        overlay: the picture.
        place: where it will lie, for the message.

    Raises:
        DataError: it has more pixels a side than a JPEG can have.
    """
    content = io.BytesIO()
    try:
        Image.fromarray(overlay).save(content, "JPEG", quality=90)
    except OSError as fault:  # JPEG ends at 65,500 pixels a side
        raise DataError(f"{place}: no JPEG can hold the overlay: {fault}") from None
    return content.getvalue()
