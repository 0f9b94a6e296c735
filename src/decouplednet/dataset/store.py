"""Decoded images and masks kept in memory, so that small data sets are decoded once."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.images import read_image
from decouplednet.annotations.mask_source import MaskSource

Key = TypeVar("Key", Path, MaskSource)


class ImageStore:
    """Reads images and masks, and keeps what it read until it is full.

    Each worker process fills a store of its own.

    Args:
        limit_bytes: most memory for kept pixels; 0 keeps nothing.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept_bytes = 0
        self._images: dict[Path, NDArray[np.uint8]] = {}
        self._masks: dict[MaskSource, NDArray[np.uint8]] = {}

    @property
    def kept_bytes(self) -> int:
        """Memory of the pixels kept so far."""
        return self._kept_bytes

    def image(self, path: Path) -> NDArray[np.uint8]:
        """Return an image as (H, W, 3) RGB that cannot be written to.

        Raises:
            DataError: it cannot be read.
        """
        return self._take(path, self._images, read_image)

    def mask(self, source: MaskSource) -> NDArray[np.uint8]:
        """Return the ids of a mask as (H, W) that cannot be written to.

        Raises:
            DataError: it cannot be read, or is no mask.
        """
        return self._take(source, self._masks, MaskSource.read)

    def _take(
        self, key: Key, kept: dict[Key, NDArray[np.uint8]], read: Callable[[Key], NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        if key in kept:
            return kept[key]
        pixels = read(key)
        pixels.flags.writeable = False
        if self._kept_bytes + pixels.nbytes <= self._limit_bytes:
            kept[key] = pixels
            self._kept_bytes += pixels.nbytes
        return pixels
