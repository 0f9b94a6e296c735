"""What is known of one image after the network has seen it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import BACKGROUND, palette
from decouplednet.errors import DataError
from decouplednet.inference.pixels import AnyImage, pixels_of
from decouplednet.inference.strips import strips

_PIXELS = 2**16  # of a strip of an overlay: 2 MB while its colours are mixed


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The classes of one image and of each of its pixels, at the image's own size (H, W).

    Args:
        label_map: (H, W) uint8, 0 background, else the index of the class in the model's list.
        class_maps: (H, W) float32 in [0, 1] of each identified class, normalised over background
            and the identified classes; empty when the caller asked for label maps only.
        scores: probability in [0, 1] of every class of the model, in its order; what the network
            read from the image, also when the caller gave the tags.
        identified: the classes that were looked for: those over the threshold, or the given tags.
    """

    label_map: NDArray[np.uint8]
    class_maps: Mapping[str, NDArray[np.float32]]
    scores: Mapping[str, float]
    identified: tuple[str, ...]

    def __repr__(self) -> str:
        """Return one line without the arrays."""
        height, width = self.label_map.shape
        return f"Prediction({height} x {width} pixels, identified={self.identified})"

    def background_map(self) -> NDArray[np.float32]:
        """Return the (H, W) float32 map in [0, 1] that fills the class maps up to 1."""
        total = np.zeros(self.label_map.shape, np.float32)
        for class_map in self.class_maps.values():
            total += class_map
        return np.clip(1 - total, 0, 1)

    def certainty(self) -> NDArray[np.float32]:
        """Return the (H, W) largest value in [0, 1] over the maps of background and all classes."""
        largest = self.background_map()
        for class_map in self.class_maps.values():
            np.maximum(largest, class_map, out=largest)
        return largest

    def overlay(self, image: AnyImage, strength: float = 0.5) -> NDArray[np.uint8]:
        """Return the image with the colours of its classes laid over it.

        Beside the image and what is returned, memory holds a strip of it.

        Args:
            image: the image that was predicted: a file, a Pillow image, or (H, W, 3) uint8 RGB.
            strength: share of colour, in [0, 1], in each pixel of a class; background is untouched.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            DataError: the image cannot be read, or has another size than the label map.
        """
        pixels = pixels_of(image)
        if pixels.shape != (*self.label_map.shape, 3):
            raise DataError(
                f"an image of shape {pixels.shape} does not lie under a label map of "
                f"{self.label_map.shape} (H, W); expected {(*self.label_map.shape, 3)}"
            )
        colour_of = np.frombuffer(palette(), np.uint8).reshape(256, 3).astype(np.float32)
        laid = np.empty(pixels.shape, np.uint8)
        for strip in strips(self.label_map.shape, most=_PIXELS):
            part = slice(strip.start, strip.stop)
            below, labels = pixels[part], self.label_map[part]
            mixed = np.rint(below + strength * (colour_of[labels] - below)).astype(np.uint8)
            laid[part] = np.where((labels == BACKGROUND)[..., None], below, mixed)
        return laid
