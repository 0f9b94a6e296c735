import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.classes import colour_of
from decouplednet.report.pictures import (
    LONG_SIDE,
    deepest_pixel,
    label_map_picture,
    map_picture,
    photograph,
    reads_black,
)


def opened(address: str, kind: str) -> NDArray[np.uint8]:
    start, _, content = address.partition(",")
    assert start == f"data:image/{kind};base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


def test_a_photograph_is_shrunk_and_keeps_its_colours() -> None:
    image = np.full((2 * LONG_SIDE, LONG_SIDE, 3), (200, 100, 30), np.uint8)

    got = opened(photograph(image), "jpeg")
    smaller = opened(photograph(image, long_side=10), "jpeg")

    assert got.shape == (LONG_SIDE, LONG_SIDE // 2, 3)
    assert smaller.shape == (10, 5, 3)
    assert np.abs(got.astype(int) - (200, 100, 30)).max() <= 3


def test_a_small_photograph_keeps_its_size() -> None:
    assert opened(photograph(np.zeros((7, 5, 3), np.uint8)), "jpeg").shape == (7, 5, 3)


def test_a_label_map_shows_its_colours_and_the_number_of_each_class() -> None:
    label_map = np.zeros((8, 16), np.uint8)
    label_map[:, 8:] = 3
    label_map[0] = 255

    got = opened(label_map_picture(label_map), "png")

    assert got.shape == (LONG_SIDE // 2, LONG_SIDE, 3)
    assert (got[-1, 0] == 0).all()
    assert (got[0] == 255).all()
    assert tuple(got[-1, -1]) == colour_of(3)
    right = got[20:, LONG_SIDE // 2 :]
    assert ((right == 0).all(axis=2)).any()  # the ink of the number
    assert (got[20:, : LONG_SIDE // 4] == 0).all()  # background has none


def test_a_map_picture_runs_from_dark_to_bright_in_whole_squares() -> None:
    values = np.array([[0.0, 1.0, 2.0], [4.0, 9.0, 2.0]])

    got = opened(map_picture(values, highest=4.0, long_side=30), "png").astype(int)

    assert got.shape == (20, 30, 3)
    brightness = got.sum(axis=2)[5::10, 5::10]
    assert brightness[0, 0] < brightness[0, 1] < brightness[0, 2] < brightness[1, 0]
    assert brightness[1, 1] == brightness[1, 0]  # above the highest
    assert (got[:10, :10] == got[0, 0]).all()


def test_a_map_picture_of_zeros_is_dark() -> None:
    got = opened(map_picture(np.zeros((1, 300)), highest=0.0), "png")

    assert got.shape == (1, LONG_SIDE, 3)
    assert (got == got[0, 0]).all()
    assert got[0, 0].max() < 100


def test_the_deepest_pixel_equals_a_search_over_all_distances() -> None:
    rng = np.random.default_rng(5)
    region = rng.random((9, 11)) < 0.85
    outside = [(r, c) for r in range(-1, 10) for c in range(-1, 12) if not _inside(region, r, c)]

    def depth(row: int, column: int) -> int:
        return min(abs(row - r) + abs(column - c) for r, c in outside)

    depths = {(int(r), int(c)): depth(int(r), int(c)) for r, c in np.argwhere(region)}
    assert deepest_pixel(region) == max(
        depths, key=lambda place: (depths[place], -place[0] * 11 - place[1])
    )


def _inside(region: NDArray[np.bool_], row: int, column: int) -> bool:
    height, width = region.shape
    return 0 <= row < height and 0 <= column < width and bool(region[row, column])


@pytest.mark.parametrize(
    ("colour", "black"),
    [((255, 255, 255), True), ((0, 0, 0), False), ((240, 228, 66), True), ((0, 70, 120), False)],
)
def test_text_stands_out_from_its_colour(colour: tuple[int, int, int], black: bool) -> None:
    assert reads_black(colour) is black
