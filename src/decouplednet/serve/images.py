"""The image of a task, from wherever its address says, within limits."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.images import decode_image
from decouplednet.errors import DataError
from decouplednet.serve.label_studio import ADDRESS, FOLDERS, LabelStudio
from decouplednet.serve.limits import MOST_PIXELS, check_image_bytes
from decouplednet.serve.local_files import read_under

_LOCAL = "/data/local-files"
_BASE64 = ";base64"


@dataclass(frozen=True, slots=True)
class ImageSources:
    """Where images may come from.

    Args:
        root: the folder that Label Studio serves as its local files; None: they are asked for
            there.
        label_studio: where uploaded images lie; None: there are none.
    """

    root: Path | None
    label_studio: LabelStudio | None

    def read(self, address: str) -> NDArray[np.uint8]:
        """Return the pixels of an image.

        Args:
            address: ``/data/local-files/?d=...``, ``/data/upload/...``, the same with Label
                Studio's host, or a ``data:`` URI.

        Returns:
            (H, W, 3) uint8 RGB, upright.

        Raises:
            DataError: it lies elsewhere, cannot be had or read, or is too large. No message holds
                a path of this machine.
        """
        return decode_image(self._content(address), "the image", MOST_PIXELS)

    def _content(self, address: str) -> bytes:
        if address[:5].lower() == "data:":
            return _held(address)
        try:
            url = urlsplit(address)
        except ValueError:
            raise DataError(f"the image's address is none; {_expected()}") from None
        if url.scheme or url.netloc:
            self._check_host(url)
        elif not url.path.startswith(FOLDERS):
            raise DataError(f"the image's address is of no known kind; {_expected()}")
        if url.path.rstrip("/") == _LOCAL and self.root is not None:
            return read_under(self.root, _local_name(url.query))
        if self.label_studio is None:
            hint = " or --images" if url.path.rstrip("/") == _LOCAL else ""
            raise DataError(f"the image lies in Label Studio; set {ADDRESS}{hint}")
        return self.label_studio.fetch(url.path, url.query)

    def _check_host(self, url: SplitResult) -> None:
        if url.scheme not in ("http", "https"):
            raise DataError(
                f"addresses of {url.scheme or 'no scheme'}: are not read; {_expected()}"
            )
        if self.label_studio is None or not self.label_studio.is_at(url):
            raise DataError(
                f"the image's host is not that of {ADDRESS}, and nothing is fetched from elsewhere"
            )


def _local_name(query: str) -> str:
    """Return the path in the query of a local file, ``d=...``."""
    names = parse_qs(query).get("d", [])
    if len(names) != 1:
        raise DataError("the address of a local file names none; expected /data/local-files/?d=...")
    return names[0]


def _held(address: str) -> bytes:
    """Return the bytes that a ``data:`` URI holds (RFC 2397)."""
    kind, comma, payload = address.partition(",")
    if not comma or not kind.lower().endswith(_BASE64):
        raise DataError("a data: URI of an image ends its type with ;base64, before a comma")
    payload = unquote(payload)
    check_image_bytes(len(payload) // 4 * 3 - 2)
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise DataError("a data: URI holds signs that are not base64") from None


def _expected() -> str:
    return (
        "expected /data/upload/... or /data/local-files/?d=..., one of these at Label Studio's "
        "host, or a data: URI"
    )
