import numpy as np
import pytest

from decouplednet.annotations.writers.runs import Box, box_around, run_lengths
from tests.annotations.writers.areas import blobs, noise


@pytest.mark.parametrize("seed", range(4))
def test_lengths_are_those_of_a_loop_over_the_pixels(seed: int) -> None:
    flat = noise(seed, (1, 61), share=0.3)[0]
    expected, value = [0], False
    for pixel in flat:
        if bool(pixel) != value:
            value = not value
            expected.append(0)
        expected[-1] += 1

    assert run_lengths(flat).tolist() == expected


@pytest.mark.parametrize(
    ("flat", "lengths"), [([0], [1]), ([1], [0, 1]), ([0, 0, 0], [3]), ([1, 1, 0], [0, 2, 1])]
)
def test_the_first_length_is_of_false(flat: list[int], lengths: list[int]) -> None:
    assert run_lengths(np.array(flat, bool)).tolist() == lengths


def test_a_box_holds_every_pixel_and_none_of_its_sides_is_empty() -> None:
    area = np.zeros((37, 53), bool)
    area[5:12, 20:41] = blobs(3, (7, 21))
    box = box_around(area)
    cut = box.cut(area)

    assert cut.shape == (box.height, box.width)
    assert cut.sum() == area.sum()
    assert all(side.any() for side in (cut[0], cut[-1], cut[:, 0], cut[:, -1]))


def test_the_box_of_one_pixel() -> None:
    area = np.zeros((3, 5), bool)
    area[2, 1] = True

    assert box_around(area) == Box(top=2, left=1, height=1, width=1)
