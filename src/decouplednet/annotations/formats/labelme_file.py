"""Reading a file of LabelMe without the image that it may hold."""

import json
import mmap
import re
from pathlib import Path
from typing import Any

from decouplednet.errors import DataError

MOST_BYTES = 2**26
"""Of what a file says besides its image."""

# Within a text, the quotation marks of such a key would have backslashes before them.
_IMAGE = re.compile(rb'"imageData"\s*:\s*"')


def read_labelme(path: Path) -> dict[str, Any]:
    """Return what a file says; ``imageData`` is null, whatever it held, and was not decoded.

    Returns:
        An object with a list ``shapes``.

    Raises:
        DataError: the file cannot be read, is no JSON or not one of LabelMe, or takes more than
            ``MOST_BYTES`` besides its image.
    """
    try:
        read = json.loads(_without_image(path))
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
    except (ValueError, RecursionError) as fault:
        found = " ".join(str(fault).split())[:200]
        raise DataError(f"{path}: no JSON: {found}; save it anew in LabelMe") from None
    if not isinstance(read, dict) or not isinstance(read.get("shapes"), list):
        raise DataError(
            f"{path}: has no list of shapes, so it is no file of LabelMe; move it out of the data "
            "set"
        )
    return read


def _without_image(path: Path) -> bytes:
    """Return the bytes of a file with null in place of its image, of which none is held."""
    with path.open("rb") as stream:
        if not stream.read(1):
            return b""
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            begin = stop = len(content)
            found = _IMAGE.search(content)
            if found is not None:
                begin = found.end() - 1
                # Base64 has no quotation mark, so the next one ends it.
                stop = content.find(b'"', begin + 1) + 1 or len(content)
            if len(content) - (stop - begin) > MOST_BYTES:
                raise DataError(
                    f"{path}: takes more than {MOST_BYTES // 2**20} MiB besides its image; draw "
                    "fewer shapes an image"
                )
            return content[:begin] + (b"null" if found else b"") + content[stop:]
