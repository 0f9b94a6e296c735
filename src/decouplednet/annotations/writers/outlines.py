"""The outlines of areas, along the sides of pixels: one polygon for each part that hangs together.

A polygon has no holes. So each hole is joined to the outline on its left by a cut of no width,
along the upper side of a row: what fills polygons by even and odd crossings fills the area exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.writers.runs import box_around

Point = tuple[int, int]

# Sides of a pixel in the order in which an outline goes around it, clockwise as pictures are shown:
# its upper side from left to right, its right, its lower and its left one.
_UPPER, _RIGHT, _LOWER, _LEFT = range(4)
_STARTS = ((0, 0), (1, 0), (1, 1), (0, 1))  # where each side starts, (x, y) from the pixel's corner


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an area whose pixels hang together by their sides.

    Args:
        points: (x, y) corners of pixels, 0 the image's left or upper border; x across, y down.
        pixels: how many pixels it has.
    """

    points: tuple[Point, ...]
    pixels: int


def regions(area: NDArray[np.bool_]) -> Iterator[Region]:
    """Yield the regions of an area, (H, W), in the order of their first pixels, row by row."""
    if not area.any():
        return
    box = box_around(area)
    outlines = _Outlines(np.pad(box.cut(area), 1))
    outlines.walk()
    outlines.join()
    for points in outlines.polygons():
        moved = tuple((x + box.left, y + box.top) for x, y in points)
        yield Region(moved, _twice_the_area(moved) // 2)


@dataclass(slots=True, eq=False)
class _Outlines:
    """All outlines of an area as sides of pixels, each with the one that follows it.

    Args:
        padded: (H + 2, W + 2) the area with a border that is not in it.
    """

    padded: NDArray[np.bool_]
    inside: bytes = field(init=False)
    step: int = field(init=False)  # from a pixel to the one below
    points: list[Point] = field(default_factory=list)  # where each side starts
    after: list[int] = field(default_factory=list)  # the side that follows it
    of_left: dict[int, int] = field(default_factory=dict)  # pixel to its left side
    outer: list[int] = field(default_factory=list)  # a side of each outline around a region
    # Of each outline around a hole: the leftmost pixel with the hole on its right, and that side.
    holes: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Lay the pixels out in one row, which is read fastest."""
        self.inside = self.padded.astype(np.uint8).tobytes()
        self.step = self.padded.shape[1]

    def walk(self) -> None:
        """Find every outline; each has an upper side somewhere."""
        above = np.zeros_like(self.padded)
        above[1:] = self.padded[:-1]
        starts: list[int] = np.flatnonzero(self.padded & ~above).tolist()
        left = set(starts)
        for pixel in starts:
            if pixel in left:
                self._follow(pixel, left)

    def _follow(self, pixel: int, left: set[int]) -> None:
        """Go once along the outline of a pixel's upper side.

        Args:
            pixel: whose upper side no outline had yet.
            left: the pixels with such sides; those that are met are taken out.
        """
        first, side, at = len(self.points), _UPPER, pixel
        before_hole: tuple[int, int, int] | None = None  # column, pixel and number of its side
        while (at, side) != (pixel, _UPPER) or len(self.points) == first:
            row, column = divmod(at, self.step)
            right, down = _STARTS[side]
            if side == _UPPER:
                left.remove(at)
            elif side == _LEFT:
                self.of_left[at] = len(self.points)
            elif side == _RIGHT and (before_hole is None or column < before_hole[0]):
                before_hole = column, at, len(self.points)
            self.points.append((column - 1 + right, row - 1 + down))  # the padding is a pixel wide
            at, side = self._next(at, side)
        self.after += [*range(first + 1, len(self.points)), first]
        if _twice_the_area(self.points[first:]) > 0:
            self.outer.append(first)
        elif before_hole is not None:
            self.holes.append(before_hole[1:])

    def _next(self, at: int, side: int) -> tuple[int, int]:
        """Return the pixel and the side that follow; pixels that touch at a corner stay apart."""
        turned = (side + 1) % 4
        beside = at + self._across(turned)
        if not self.inside[beside]:
            return at, turned
        beyond = beside + self._across(side)
        return (beyond, (side - 1) % 4) if self.inside[beyond] else (beside, side)

    def _across(self, side: int) -> int:
        """Return how far it is to the pixel on the other side."""
        return (-self.step, 1, self.step, -1)[side]

    def join(self) -> None:
        """Join each hole to the outline on its left.

        The cut begins where a left side of that outline ends, at the upper corner of its pixel, and
        goes to the upper corner of the right side of the pixel before the hole, where that begins.
        The side before that is the one before it in number: an outline begins with an upper side,
        and what was joined in follows a left one, which no right one does.
        """
        for pixel, right in self.holes:
            row_start = self.inside.rfind(0, 0, pixel) + 1  # a pixel of the padding ends each row
            left = self.of_left[row_start]
            row, column = divmod(row_start, self.step)
            there, back = len(self.points), len(self.points) + 1
            self.points += [(column - 1, row - 1), self.points[right]]
            self.after += [right, self.after[left]]
            self.after[left], self.after[right - 1] = there, back

    def polygons(self) -> Iterator[list[Point]]:
        """Yield the corners of each region's outline."""
        for first in self.outer:
            points, at = [self.points[first]], self.after[first]
            while at != first:
                points.append(self.points[at])
                at = self.after[at]
            yield _corners(points)


def _corners(points: list[Point]) -> list[Point]:
    """Return the points of a closed line at which it turns."""
    count = len(points)
    return [
        point
        for place, point in enumerate(points)
        if _direction(points[place - 1], point) != _direction(point, points[(place + 1) % count])
    ]


def _direction(start: Point, end: Point) -> Point:
    """Return -1, 0 or 1 in x and y: where a line along the sides of pixels goes."""
    (x, y), (right, down) = start, end
    return (right > x) - (right < x), (down > y) - (down < y)


def _twice_the_area(points: list[Point] | tuple[Point, ...]) -> int:
    """Return twice the area of a polygon, above 0 where it goes clockwise as pictures are shown."""
    following = [*points[1:], points[0]]
    pairs = zip(points, following, strict=True)
    return sum(x * down - right * y for (x, y), (right, down) in pairs)
