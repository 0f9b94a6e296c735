"""Polygons around the pixels of a mask, for tools that draw with points instead of brushes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.writers.simplify import simplify
from decouplednet.errors import DataError

Points = NDArray[np.float64]


def outlines(mask: NDArray[np.bool_], tolerance: float = 1.0) -> list[Points]:
    """Return a polygon around each piece of a mask.

    Pixels belong to one piece when they share a side. A hole is joined to the outline around it by
    a slit, which is passed there and back and so encloses nothing; it turns the other way round,
    so that it stays a hole whichever rule fills the polygon.

    Args:
        mask: (H, W) bool.
        tolerance: how far, in pixels, a side of a polygon may lie from a corner that it leaves out;
            0 keeps every corner, and the polygons then hold exactly the pixels of the mask.

    Returns:
        Polygons, each (N, 2) (row, column) in pixels, N at least 3, not closed: a pixel reaches
        from its own row and column to the next. Ordered by their first row, then column.

    Raises:
        DataError: the mask has another shape or type.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise DataError(
            f"a mask of type {mask.dtype} and shape {mask.shape} has no outlines; expected (H, W) "
            "bool"
        )
    loops = _loops(mask)
    polygons: dict[int, Points] = {}
    owner = _owners(mask.shape, loops)
    for index, loop in enumerate(loops):  # an outline comes before its holes: it begins above them
        points = simplify(loop.points, tolerance)
        if loop.is_outer:
            polygons[index] = points
        else:
            around = _around(mask, owner, loops, index)
            polygons[around] = _joined(polygons[around], points)
    return list(polygons.values())


def area(polygon: Points) -> float:
    """Return what a polygon encloses, in pixels, holes not counted.

    Args:
        polygon: (N, 2) (row, column).

    >>> area(np.array([[0.0, 0.0], [0.0, 3.0], [2.0, 3.0], [2.0, 0.0]]))
    6.0
    """
    rows, columns = polygon[:, 0], polygon[:, 1]
    return float(abs(np.dot(columns, np.roll(rows, -1)) - np.dot(rows, np.roll(columns, -1))) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class _Loop:
    """One boundary between pixels of a mask and others.

    Args:
        points: (N, 2) (row, column), the corners one after the other, from the first in reading
            order along its row; so an outline turns clockwise on the screen, a hole does not.
        is_outer: the mask lies inside.
    """

    points: Points
    is_outer: bool


def _loops(mask: NDArray[np.bool_]) -> list[_Loop]:
    """Return all boundaries, in the reading order of their first corners."""
    rows, columns, east, south = _corners(mask)
    across = _partners(rows, columns, east)
    along = _partners(columns, rows, south)
    followed = np.zeros(len(rows), np.bool_)
    loops = []
    for first in np.lexsort((columns, rows)).tolist():
        if followed[first]:
            continue
        walked = []
        corner = first
        while not followed[corner]:
            for partner in (across, along):
                walked.append(corner)
                followed[corner] = True
                corner = int(partner[corner])
        points = np.stack([rows[walked], columns[walked]], axis=1).astype(np.float64)
        is_outer = bool(mask[rows[first], columns[first]])
        loops.append(_Loop(points if is_outer else np.roll(points[::-1], 1, axis=0), is_outer))
    return loops


def _corners(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return row and column of each corner, and whether its sides lead east and south.

    Where two pixels touch at a corner alone, there are two corners, one for each pixel. Elsewhere
    nothing shares the place of a corner, and where its sides lead does not matter.
    """
    padded = np.pad(mask, 1)
    north_west, north_east = padded[:-1, :-1], padded[:-1, 1:]
    south_west, south_east = padded[1:, :-1], padded[1:, 1:]
    odd = north_west ^ north_east ^ south_west ^ south_east
    touching = (north_west == south_east) & (north_east == south_west) & (north_west != north_east)
    one = np.argwhere(odd)
    two = np.argwhere(touching)
    falls = north_west[touching]  # the pixels lie north-west and south-east
    nothing = np.zeros(len(one), np.bool_)
    yes = np.ones(len(two), np.bool_)
    places = np.concatenate([one, two, two])
    # The pixel in the north-west has its sides to the west and north, that in the north-east to
    # the east and north; the other pixel has the two that are left.
    east = np.concatenate([nothing, ~falls, falls])
    south = np.concatenate([nothing, ~yes, yes])
    return places[:, 0], places[:, 1], east, south


def _partners(
    line: NDArray[np.int64], place: NDArray[np.int64], later: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the corner at the other end of each corner's side on its line.

    Args:
        line: row or column that the sides lie on.
        place: of each corner on its line.
        later: of two corners at one place, the one whose side leads to higher places.
    """
    order = np.lexsort((later, place, line))
    partners = np.empty_like(order)
    partners[order[0::2]] = order[1::2]
    partners[order[1::2]] = order[0::2]
    return partners


def _owners(shape: tuple[int, ...], loops: list[_Loop]) -> NDArray[np.int32]:
    """Return (H, W + 1): the loop whose side lies west of a pixel, where one does."""
    owner = np.full((shape[0], shape[1] + 1), -1, np.int32)
    if all(loop.is_outer for loop in loops):
        return owner
    starts = np.concatenate([loop.points for loop in loops]).astype(np.int64)
    ends = np.concatenate([np.roll(loop.points, -1, axis=0) for loop in loops]).astype(np.int64)
    index = np.repeat(np.arange(len(loops)), [len(loop.points) for loop in loops])
    upright = starts[:, 1] == ends[:, 1]
    top = np.minimum(starts, ends)[upright, 0]
    height = np.abs(ends - starts)[upright, 0]
    below = np.arange(height.sum()) - np.repeat(np.cumsum(height) - height, height)
    columns = np.repeat(starts[upright, 1], height)
    owner[np.repeat(top, height) + below, columns] = np.repeat(index[upright], height)
    return owner


def _around(
    mask: NDArray[np.bool_], owner: NDArray[np.int32], loops: list[_Loop], hole: int
) -> int:
    """Return the outline that goes around a hole.

    West of its first corner lies the mask; where that ends, a side of the outline or of another
    hole in the same piece has been met, and that hole begins above or further west.
    """
    loop = hole
    while not loops[loop].is_outer:
        row, column = (int(number) for number in loops[loop].points[0])
        outside = np.flatnonzero(~mask[row, :column])
        loop = int(owner[row, outside[-1] + 1 if len(outside) else 0])
    return loop


def _joined(polygon: Points, hole: Points) -> Points:
    """Return a polygon with a slit from the corner that is nearest to the first one of a hole."""
    here = int(((polygon - hole[0]) ** 2).sum(axis=1).argmin())
    return np.concatenate([polygon[: here + 1], hole, hole[:1], polygon[here:]])
