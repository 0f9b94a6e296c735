"""Areas as lengths of runs, and the boxes around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """The smallest rectangle around an area, in pixels.

    Args:
        top: its first row.
        left: its first column.
        height: number of rows.
        width: number of columns.
    """

    top: int
    left: int
    height: int
    width: int

    def cut(self, area: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what lies in the rectangle, (height, width)."""
        return area[self.top : self.top + self.height, self.left : self.left + self.width]


def box_around(area: NDArray[np.bool_]) -> Box:
    """Return the box around an area, (H, W), of at least one pixel.

    >>> box_around(np.array([[0, 0, 0], [0, 1, 1]], bool))
    Box(top=1, left=1, height=1, width=2)
    """
    rows, columns = (np.flatnonzero(area.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return Box(top, left, int(rows[-1]) - top + 1, int(columns[-1]) - left + 1)


def run_lengths(flat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how long the runs of equal values are.

    Args:
        flat: (N,), at least one.

    Returns:
        The lengths of runs of False and True in turn; the first is of False, and 0 where True
        comes first.

    >>> run_lengths(np.array([1, 1, 0, 1], bool)).tolist()
    [0, 2, 1, 1]
    """
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return np.concatenate([[0], lengths]) if flat[0] else lengths
