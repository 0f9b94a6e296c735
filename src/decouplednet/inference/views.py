"""The views of an image over which a prediction is averaged: frames of several sides, mirrored."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from torch import Tensor

from decouplednet.dataset.frame import Frame
from decouplednet.inference.reading import Image, size_of


@dataclass(frozen=True, slots=True)
class FrameView:
    """One way to see an image: in a frame, as it is or mirrored left to right.

    Args:
        frame: the square that the network sees.
        mirrored: whether the image is mirrored before.
    """

    frame: Frame
    mirrored: bool

    def image(self, image: Image) -> Tensor:
        """Return an (H, W, 3) image as the network sees it, (3, side, side).

        Raises:
            DataError: it is no RGB array.
        """
        return self.frame.image(np.ascontiguousarray(image[:, ::-1]) if self.mirrored else image)

    def restore(self, maps: Tensor, image: Image, rows: range | None = None) -> Tensor:
        """Return (K, side, side) maps at the (H, W) of an image, upright again: (K, rows, W).

        Args:
            maps: of this view.
            image: whose maps they are.
            rows: of the image, consecutive; None: all H.
        """
        restored = self.frame.restore(maps, self.frame.place(size_of(image)), rows)
        return restored.flip(2) if self.mirrored else restored


def frame_views(
    frame: Frame, *, scales: Sequence[float], flip: bool, stride: int, least: int
) -> tuple[FrameView, ...]:
    """Return the views of an image, the mirrored one of each side after the upright one.

    Args:
        frame: of scale 1.
        scales: sides of the frames, as shares of its side.
        flip: also see the image mirrored.
        stride: sides are rounded to multiples of it, in pixels.
        least: no side is smaller, in pixels.
    """
    views = list[FrameView]()
    for scale in scales:
        steps = max(ceil(least / stride), round(scale * frame.side / stride))
        scaled = frame.model_copy(update={"side": steps * stride})
        views += [FrameView(scaled, mirrored) for mirrored in ((False, True) if flip else (False,))]
    return tuple(views)
