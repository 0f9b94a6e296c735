"""Leaving out corners of a polygon that hardly matter."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def simplify(polygon: Points, tolerance: float) -> Points:
    """Return a polygon with as few corners as its tolerance allows.

    Args:
        polygon: (N, 2) corners, N at least 3, not closed.
        tolerance: how far a corner that is left out may lie from the side that passes it, in the
            units of the corners; 0 leaves none out.

    Returns:
        (M, 2), M at least 3: corners of ``polygon`` in their order. One that would enclose nothing
        keeps all its corners.

    Source:
        Douglas and Peucker, Algorithms for the reduction of the number of points required to
        represent a digitized line or its caricature, 1973, on the two halves between the first
        corner and the one that is farthest from it.
    """
    if tolerance <= 0:
        return polygon
    closed = np.concatenate([polygon, polygon[:1]])
    far = int(((polygon - polygon[0]) ** 2).sum(axis=1).argmax())
    kept = np.zeros(len(closed), np.bool_)
    kept[[0, far, len(polygon)]] = True
    parts = [(0, far), (far, len(polygon))]
    while parts:
        start, end = parts.pop()
        if end - start < 2:
            continue
        apart = _distance(closed[start + 1 : end], closed[start], closed[end])
        worst = int(apart.argmax())
        if apart[worst] > tolerance:
            middle = start + 1 + worst
            kept[middle] = True
            parts += [(start, middle), (middle, end)]
    simple = polygon[kept[:-1]]
    return simple if len(simple) >= 3 else polygon


def _distance(points: Points, start: Points, end: Points) -> NDArray[np.float64]:
    """Return how far each point lies from the straight line between two others.

    Args:
        points: (N, 2).
        start: (2,) where the line begins.
        end: (2,) where it ends; it may be the same place.
    """
    side = end - start
    length = float(side @ side)
    along = np.clip((points - start) @ side / length, 0, 1) if length else np.zeros(len(points))
    nearest = start + along[:, None] * side
    distance: NDArray[np.float64] = np.sqrt(((points - nearest) ** 2).sum(axis=1))
    return distance
