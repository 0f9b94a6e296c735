from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.annotations.writers.polygons import area, outlines
from decouplednet.errors import DataError


def drawn(text: str) -> NDArray[np.bool_]:
    return np.array([[sign == "#" for sign in line] for line in text.split()])


HOLES = drawn("""
    .............
    .###########.
    .#..##.....#.
    .#.###.###.#.
    .#.#.#.#.#.#.
    .#.###.###.#.
    .#..##.....#.
    .###########.
    ..#.....#.##.
    #.##...#..##.
""")
TOUCHING = drawn("""
    ##...#.#
    ##...###
    ..##.#.#
    ..##.###
    ##......
    ##.##.##
    ...##.##
""")


def winding(polygon: NDArray[np.float64], row: float, column: float) -> int:
    """Return how often a polygon goes round a point, counted at a ray to the east."""
    turns = 0
    for place in range(len(polygon)):
        (first, west), (second, east) = polygon[place - 1], polygon[place]
        if (first <= row) == (second <= row):
            continue
        if west + (row - first) / (second - first) * (east - west) > column:
            turns += 1 if second > first else -1
    return turns


def filled(polygons: list[NDArray[np.float64]], shape: tuple[int, int], rule: str) -> Any:
    """Return the pixels whose centres lie in a polygon, by the rule that fills it."""
    mask = np.zeros(shape, np.int64)
    for row in range(shape[0]):
        for column in range(shape[1]):
            for polygon in polygons:
                turns = winding(polygon, row + 0.5, column + 0.5)
                mask[row, column] += turns % 2 if rule == "even-odd" else turns != 0
    return mask


def pieces(mask: NDArray[np.bool_]) -> int:
    """Return how many pieces a mask has whose pixels share sides, by flooding them."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    found = 0
    while left:
        found += 1
        reached = [left.pop()]
        while reached:
            row, column = reached.pop()
            beside = {(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)}
            reached += list(beside & left)
            left -= beside
    return found


MASKS = {
    "holes": HOLES,
    "touching": TOUCHING,
    "noise": np.random.default_rng(0).random((17, 23)) < 0.55,
    "sparse": np.random.default_rng(1).random((13, 11)) < 0.2,
    "all": np.ones((3, 5), np.bool_),
    "none": np.zeros((3, 5), np.bool_),
    "one": np.ones((1, 1), np.bool_),
}


@pytest.mark.parametrize("rule", ["even-odd", "not zero"])
@pytest.mark.parametrize("name", MASKS)
def test_polygons_of_all_corners_hold_exactly_the_pixels_of_the_mask(name: str, rule: str) -> None:
    mask = MASKS[name]

    assert np.array_equal(filled(outlines(mask, tolerance=0), mask.shape, rule), mask)


@pytest.mark.parametrize("name", MASKS)
def test_each_piece_has_one_polygon_of_its_own_area(name: str) -> None:
    polygons = outlines(MASKS[name], tolerance=0)

    assert len(polygons) == pieces(MASKS[name])
    assert sum(area(polygon) for polygon in polygons) == MASKS[name].sum()


def test_a_rectangle_has_its_four_corners_in_rows_and_columns() -> None:
    mask = np.zeros((5, 9), np.bool_)
    mask[1:4, 2:8] = True

    (polygon,) = outlines(mask)

    assert polygon.tolist() == [[1, 2], [1, 8], [4, 8], [4, 2]]


def test_a_hole_is_joined_by_a_slit_and_turns_the_other_way() -> None:
    mask = np.ones((3, 3), np.bool_)
    mask[1, 1] = False

    (polygon,) = outlines(mask, tolerance=0)

    assert polygon.tolist() == [
        *([0, 0], [1, 1], [2, 1], [2, 2], [1, 2], [1, 1]),
        *([0, 0], [0, 3], [3, 3], [3, 0]),
    ]


def test_corners_are_left_out_within_the_tolerance() -> None:
    rows, columns = np.mgrid[:61, :83]
    disc = (rows - 29.5) ** 2 + (columns - 40.5) ** 2 < 24**2

    (every,) = outlines(disc, tolerance=0)
    (fewer,) = outlines(disc)
    (fewest,) = outlines(disc, tolerance=4)

    assert len(every) > 3 * len(fewer) > 5 * len(fewest) > 15
    assert {tuple(point) for point in fewer} <= {tuple(point) for point in every}
    assert abs(area(fewer) / area(every) - 1) < 0.05


def test_pieces_of_one_pixel_stay_squares() -> None:
    assert [len(polygon) for polygon in outlines(np.eye(3, dtype=np.bool_))] == [4, 4, 4]


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (np.zeros((2, 3), np.uint8), r"uint8 and shape \(2, 3\)"),
        (np.zeros((2, 3, 1), np.bool_), r"bool and shape \(2, 3, 1\)"),
    ],
)
def test_what_has_no_outlines_is_refused(mask: Any, found: str) -> None:
    with pytest.raises(
        DataError, match=rf"^a mask of type {found} has no outlines; expected \(H, W\) bool$"
    ):
        outlines(mask)
