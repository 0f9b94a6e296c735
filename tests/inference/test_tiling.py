from itertools import pairwise

import numpy as np
import pytest

from decouplednet.benchmark.memory import (
    forget_peak,
    in_own_process,
    is_measurable,
    peak,
    resident,
)
from decouplednet.classes import ClassList
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.tiling import OVERLAP, Blend, stretches
from tests.inference.small import NAMES

LENGTHS = [(1, 40), (40, 40), (41, 40), (70, 40), (101, 40), (1003, 47), (5000, 333)]


def plain_places(length: int, tile: int) -> list[tuple[int, int]]:
    """Return the ends of tiles as the documentation says, in words of its own."""
    count = 1
    while length > tile + (count - 1) * (tile - tile // OVERLAP):
        count += 1
    side = min(tile, length)
    room = (length - side) / max(1, count - 1)
    return [(round(number * room), round(number * room) + side) for number in range(count)]


def plain_weight(pixel: int, ends: tuple[int, int], length: int, tile: int) -> float:
    """Return how much a tile counts at a pixel, before the weights are made to sum to 1."""
    first, after = ends
    if not first <= pixel < after:
        return 0.0
    to_ends = [float(tile // OVERLAP)]
    if first > 0:
        to_ends.append(pixel - first + 0.5)
    if after < length:
        to_ends.append(after - pixel - 0.5)
    return min(to_ends)


@pytest.mark.parametrize(("length", "tile"), LENGTHS)
def test_tiles_cover_a_side_evenly_and_their_weights_sum_to_one(length: int, tile: int) -> None:
    found = stretches(length, tile)
    total = np.zeros(length)
    for stretch in found:
        assert len(stretch.weights) == len(stretch.pixels) == min(length, tile)
        assert (stretch.weights > 0).all()
        total[stretch.part] += stretch.weights

    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert [(one.pixels.start, one.pixels.stop) for one in found] == plain_places(length, tile)
    overlaps = [one.pixels.stop - other.pixels.start for one, other in pairwise(found)]
    assert all(overlap >= tile // OVERLAP for overlap in overlaps)


def test_a_weight_falls_linearly_where_tiles_overlap() -> None:
    first, second, _ = stretches(100, 40)

    assert first.weights[:30].tolist() == [1.0] * 30
    np.testing.assert_allclose(first.weights[30:], np.arange(9.5, 0, -1) / 10, atol=1e-6)
    np.testing.assert_allclose(second.weights[:10], np.arange(0.5, 10) / 10, atol=1e-6)


def test_a_class_found_in_one_tile_alone_fades_in_the_overlap() -> None:
    blend, (left, right) = Blend((40, 70), ClassList(NAMES), keep=True), stretches(70, 40)
    (down,) = stretches(40, 40)
    ones, zeros = np.ones((40, 40), np.float32), np.zeros((40, 40), np.uint8)

    blend.add(Prediction(zeros + 1, {"cat": ones}, {"cat": 0.9}, ("cat",)), down, left)
    blend.add(Prediction(zeros, {}, {"cat": 0.1}, ()), down, right)
    blend.finish(40)

    found = blend.prediction()
    across = found.class_maps["cat"][0]
    np.testing.assert_allclose(across[:30], 1)
    np.testing.assert_allclose(across[30:40], np.arange(9.5, 0, -1) / 10, atol=1e-6)
    assert not across[40:].any()
    assert found.label_map[0].tolist() == [1] * 35 + [0] * 35
    assert (found.scores, found.identified) == ({"cat": 0.9}, ("cat",))


def blended(classes: int, height: int, width: int, tile: int) -> int:
    """Return the bytes that a blend of constant maps needs at most beside its label map."""
    names = tuple(f"class{number}" for number in range(classes))
    ones = np.ones((tile, tile), np.float32)
    seen = Prediction(ones.astype(np.uint8), dict.fromkeys(names, ones), {}, names)
    down, across = stretches(height, tile), stretches(width, tile)
    blend = Blend((height, width), ClassList(names), keep=False)
    before = resident()
    forget_peak()
    for number, row in enumerate(down):
        for place in across:
            blend.add(seen, row, place)
        blend.finish(down[number + 1].pixels.start if number + 1 < len(down) else height)
    return peak() - before - blend.label_map.nbytes


@pytest.mark.skipif(not is_measurable(), reason="this system does not say what memory is taken")
@pytest.mark.parametrize("height", [400, 1600])
def test_a_blend_holds_the_maps_of_one_row_of_tiles(height: int) -> None:
    taken = in_own_process(blended, 3, height, 64_000, 200)

    maps = 3 * 4 * 200 * 64_000  # 154 MB
    assert maps < taken < 1.5 * maps + 2**26  # and what reads a strip of a million pixels
