import math

import numpy as np
import pytest

from decouplednet.annotations.writers.simplify import simplify

ZIGZAG = np.array([[0.0, 0.0], [1.0, 3.0], [0.0, 6.0], [4.0, 6.0], [4.5, 3.0], [4.0, 0.0]])


def apart(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Return how far a point lies from a straight line between two others, by trying places."""
    places = (start + share * (end - start) for share in np.linspace(0, 1, 2001))
    return min(math.dist(point, place) for place in places)


@pytest.mark.parametrize(
    ("tolerance", "left"),
    [
        (0, [0, 1, 2, 3, 4, 5]),
        (0.4, [0, 1, 2, 3, 4, 5]),
        (0.6, [0, 1, 2, 3, 5]),
        (1.1, [0, 2, 3, 5]),
    ],
)
def test_corners_that_lie_near_enough_are_left_out(tolerance: float, left: list[int]) -> None:
    assert simplify(ZIGZAG, tolerance).tolist() == ZIGZAG[left].tolist()


@pytest.mark.parametrize("tolerance", [0.05, 0.3, 1.0])
def test_every_corner_lies_within_the_tolerance_of_what_is_left(tolerance: float) -> None:
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    reach = 9 + rng.random(60)
    polygon = np.stack([reach * np.sin(angles), reach * np.cos(angles)], axis=1)

    simple = simplify(polygon, tolerance)

    assert 3 <= len(simple) < 60
    for point in polygon:
        sides = zip(simple, np.roll(simple, -1, axis=0), strict=True)
        assert min(apart(point, start, end) for start, end in sides) <= tolerance + 1e-2


def test_a_polygon_that_would_enclose_nothing_keeps_its_corners() -> None:
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])

    assert simplify(square, 5.0).tolist() == square.tolist()
