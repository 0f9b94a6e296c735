"""A mask while shapes are drawn on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A mask that is being drawn.

    Args:
        mask: (H, W) uint8 ids, which are changed in place.
        unit: (x, y) pixels that 1 stands for in the coordinates of points, lines and boxes.
    """

    mask: NDArray[np.uint8]
    unit: tuple[float, float]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        height, width = self.mask.shape
        return height, width

    def paint(self, top: int, left: int, covered: NDArray[np.bool_], index: int) -> None:
        """Give pixels an id; those outside of the picture do not count.

        Args:
            top: row of the first row of ``covered``.
            left: column of its first column.
            covered: (h, w) the pixels.
            index: the id.
        """
        rows = slice(max(0, top), min(self.mask.shape[0], top + covered.shape[0]))
        columns = slice(max(0, left), min(self.mask.shape[1], left + covered.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        inside = covered[rows.start - top : rows.stop - top, columns.start - left :]
        self.mask[rows, columns][inside[:, : columns.stop - columns.start]] = index
