"""Outlines, against a flood fill and a ray from the middle of every pixel."""

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.annotations.writers.outlines import regions
from tests.annotations.writers.areas import RING, blobs, filled, flood, noise

AREAS = {
    "one pixel": np.ones((1, 1), bool),
    "two holes that touch": RING,
    "islands in a hole": np.pad(np.pad(np.pad(RING, 1), 1, constant_values=True), 2),
    "a board": np.indices((5, 7)).sum(axis=0) % 2 == 0,
    "stripes": np.tile([True, False, True], (4, 2)),
    **{f"noise {seed}": noise(seed, (11, 13), share=0.6) for seed in range(6)},
    **{f"blobs {seed}": blobs(seed, (19, 23)) for seed in range(4)},
}


@pytest.mark.parametrize("name", AREAS)
def test_each_part_that_hangs_together_is_filled_exactly(name: str) -> None:
    area = AREAS[name]
    parts = flood(area)
    found = [*regions(area)]

    assert len(found) == len(parts)
    for region, part in zip(found, parts, strict=True):
        inside = filled(region.points, (area.shape[0], area.shape[1]))
        assert {(int(row), int(column)) for row, column in np.argwhere(inside)} == part
        assert region.pixels == len(part)


@pytest.mark.parametrize("name", AREAS)
def test_points_are_corners_at_which_a_line_along_pixels_turns(name: str) -> None:
    area = AREAS[name]
    for region in regions(area):
        points = region.points
        for before, at, after in zip(
            points[-1:] + points[:-1], points, points[1:] + points[:1], strict=True
        ):
            assert (at[0] == before[0]) != (at[1] == before[1])
            along = (at[0] - before[0], at[1] - before[1]), (after[0] - at[0], after[1] - at[1])
            assert np.sign(along[0]).tolist() != np.sign(along[1]).tolist()
            assert 0 <= at[0] <= area.shape[1]
            assert 0 <= at[1] <= area.shape[0]


def test_a_rectangle_by_hand() -> None:
    area: NDArray[np.bool_] = np.zeros((6, 9), bool)
    area[1:3, 4:8] = True
    (region,) = regions(area)

    assert region.points == ((4, 1), (8, 1), (8, 3), (4, 3))
    assert region.pixels == 8


def test_nothing_has_no_outline() -> None:
    assert [*regions(np.zeros((3, 4), bool))] == []


def test_many_holes_do_not_end_in_a_recursion() -> None:
    area = np.ones((41, 1501), bool)
    area[1::2, 1::2] = False
    (region,) = regions(area)

    assert region.pixels == area.sum()
