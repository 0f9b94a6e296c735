import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from decouplednet.dataset.view import Box, View, cut_image, cut_mask, placed_size, whole
from tests.dataset.reference import nearest, resized

# Two passes of Pillow, each rounded to a whole level, and coefficients of 22 bits.
ONE_LEVEL = 1.02

WINDOWS = [
    pytest.param((11, 7), Box(0, 0, 7, 11), (5, 3), id="shrunk"),
    pytest.param((11, 7), Box(0, 0, 7, 11), (23, 15), id="enlarged"),
    pytest.param((11, 7), Box(1.3, 2.7, 6.1, 9.2), (4, 9), id="window between pixels, warped"),
    pytest.param((1, 9), Box(0, 0, 9, 1), (1, 5), id="one row"),
    pytest.param((9, 1), Box(0, 0, 1, 9), (13, 1), id="one column"),
    pytest.param((1, 1), Box(0, 0, 1, 1), (6, 4), id="one pixel"),
    pytest.param((5, 6), Box(0, 0, 6, 5), (5, 6), id="unchanged"),
]


def test_whole_is_left_top_right_bottom_of_height_and_width() -> None:
    assert whole((5, 8)) == Box(left=0, top=0, right=8, bottom=5)


@pytest.mark.parametrize(
    ("height", "width", "long_side", "expected"),
    [
        (50, 200, 64, (16, 64)),
        (200, 50, 64, (64, 16)),
        (3, 2, 64, (64, 43)),
        (1, 1000, 64, (1, 64)),
        (1000, 1, 64, (64, 1)),
        (7, 7, 5, (5, 5)),
        (12.5, 25.0, 32, (16, 32)),
    ],
)
def test_placed_size_keeps_the_aspect_and_at_least_one_pixel(
    height: float, width: float, long_side: int, expected: tuple[int, int]
) -> None:
    assert placed_size(height, width, long_side=long_side) == expected


@pytest.mark.parametrize(("size", "window", "placed"), WINDOWS)
def test_cut_image_matches_a_reading_pixel_by_pixel(
    size: tuple[int, int], window: Box, placed: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)

    content = cut_image(image, View(window, placed))

    assert content.shape == (*placed, 3)
    assert content.dtype == np.uint8
    np.testing.assert_allclose(content, resized(image, window, placed), rtol=0, atol=ONE_LEVEL)


@pytest.mark.parametrize(("size", "window", "placed"), WINDOWS)
def test_cut_mask_takes_the_id_under_each_centre(
    size: tuple[int, int], window: Box, placed: tuple[int, int]
) -> None:
    mask = np.random.default_rng(1).integers(0, 256, size, np.uint8)

    content = cut_mask(mask, View(window, placed))

    assert content.dtype == np.uint8
    np.testing.assert_array_equal(content, nearest(mask, window, placed))


def test_a_mirrored_view_is_the_view_read_from_right_to_left() -> None:
    image = np.random.default_rng(2).integers(0, 256, (9, 6, 3), np.uint8)
    window = Box(0.5, 1, 5.25, 8)
    straight, mirrored = View(window, (5, 7)), View(window, (5, 7), mirrored=True)

    np.testing.assert_array_equal(
        cut_image(image, mirrored), np.flip(cut_image(image, straight), axis=1)
    )
    np.testing.assert_array_equal(
        cut_mask(image[..., 0], mirrored), np.flip(cut_mask(image[..., 0], straight), axis=1)
    )


@pytest.mark.parametrize("mirrored", [False, True])
def test_image_and_mask_of_a_view_lie_on_each_other(mirrored: bool) -> None:
    # Blocks of 8 x 8 pixels: away from the edges of a block, both must show the block's own id.
    mask = np.kron(
        np.random.default_rng(3).integers(0, 5, (4, 6), np.uint8), np.ones((8, 8), np.uint8)
    )
    image = np.repeat(mask[..., None] * np.uint8(50), 3, axis=2)
    view = View(Box(3.3, 2.1, 44.9, 30.7), (37, 61), mirrored)

    content, ids = cut_image(image, view), cut_mask(mask, view)

    around = sliding_window_view(np.pad(ids, 2, mode="edge"), (5, 5))
    inner = (around == ids[..., None, None]).all(axis=(2, 3))
    assert inner.mean() > 0.4
    np.testing.assert_array_equal(content[inner][:, 0], 50 * ids[inner])


def test_views_do_not_write_to_what_they_read() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    image.flags.writeable = False

    cut_image(image, View(whole((4, 5)), (2, 3), mirrored=True))
    cut_mask(image[..., 0], View(whole((4, 5)), (2, 3), mirrored=True))
