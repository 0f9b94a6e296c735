"""How much one request, and one image of it, may take."""

from decouplednet.errors import DataError

MOST_REQUEST_BYTES = 128 * 2**20
"""Of a request: Label Studio sends all masks of a task along, as lists of numbers."""

MOST_IMAGE_BYTES = 64 * 2**20
"""Of the file of an image, before it is decoded."""

MOST_PIXELS = 50_000_000
"""Of an image: 350 MB while it is read, and about as much for its label map."""

MOST_WAITING = 8
"""Requests that wait for their turn while one is computed."""


def check_image_bytes(count: int) -> None:
    """Refuse a file that is too large.

    Args:
        count: of its bytes.

    Raises:
        DataError: there are more than ``MOST_IMAGE_BYTES``.
    """
    if count > MOST_IMAGE_BYTES:
        raise DataError(f"the image's file has more than {MOST_IMAGE_BYTES} bytes")
