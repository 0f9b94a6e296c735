"""Strong variations: where each may act, how much, and what it leaves alone."""

import colorsys

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.comparison.baselines.perturbation import (
    StrongSettings,
    blur,
    choose_any_window,
    choose_patch,
    paste,
    turn_hue,
    vary_strongly,
)

NOTHING = StrongSettings(colour_share=0, grey_share=0, blur_share=0, paste_share=0)


def content(height: int = 23, width: int = 31) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("channels", [(), (2,)], ids=["ids", "images"])
def test_a_patch_of_the_image_before_is_pasted_pixel_by_pixel(channels: tuple[int, ...]) -> None:
    x = torch.arange(3 * 4 * 5 * (channels[0] if channels else 1)).reshape(3, *channels, 4, 5)
    patch = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(1)) < 0.4

    pasted = paste(x, patch)

    for image in range(3):
        before = 2 if image == 0 else image - 1
        for row in range(4):
            for column in range(5):
                source = before if patch[image, row, column] else image
                place = (..., row, column)
                assert torch.equal(pasted[image][place], x[source][place])


def test_patches_are_rectangles_within_their_bounds_half_of_the_time() -> None:
    patches = [choose_patch(60, StrongSettings(), rng(seed)) for seed in range(300)]
    pasted = [patch for patch in patches if patch.any()]

    assert 110 < len(pasted) < 190
    heights, widths = [], []
    for patch in pasted:
        heights.append(int(patch.any(axis=1).sum()))
        widths.append(int(patch.any(axis=0).sum()))
        assert patch.sum() == heights[-1] * widths[-1], "one full rectangle"
    areas, aspects = np.multiply(heights, widths), np.divide(heights, widths)
    assert 0.015 < areas.min() / 3600 < 0.06
    assert 0.3 < areas.max() / 3600 < 0.41
    assert 0.25 < aspects.min() < 0.5
    assert 2 < aspects.max() < 4


def test_patches_reach_every_place_and_can_be_switched_off() -> None:
    always = StrongSettings(paste_share=1)
    reached = np.any([choose_patch(24, always, rng(seed)) for seed in range(200)], axis=0)

    assert reached.all()
    assert not any(choose_patch(24, NOTHING, rng(seed)).any() for seed in range(20))


def test_hues_are_turned_as_pythons_own_conversion_turns_them() -> None:
    turned = turn_hue(content(), 0.25)

    for row in range(0, 23, 5):
        for column in range(0, 31, 5):
            hue, saturation, value = colorsys.rgb_to_hsv(*(content()[row, column] / 255))
            expected = colorsys.hsv_to_rgb((hue + 0.25) % 1, saturation, value)
            np.testing.assert_allclose(turned[row, column] / 255, expected, atol=0.03)
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert turn_hue(red, 1 / 3)[0, 0].argmax() == 1
    assert turn_hue(red, -1 / 3)[0, 0].argmax() == 2
    np.testing.assert_allclose(turn_hue(content(), 0).astype(int), content(), atol=6)


def test_blur_spreads_a_point_and_keeps_an_even_image() -> None:
    point = np.zeros((21, 21, 3), np.uint8)
    point[10, 10] = 255
    one, two = (blur(point, deviation)[..., 0].astype(float) for deviation in (1.0, 2.0))

    assert one[10, 10] > two[10, 10] > 0
    assert one[10, 12] > 0
    np.testing.assert_allclose(one, one.T, atol=1)
    assert (blur(np.full((9, 7, 3), 77, np.uint8), 2.0) == 77).all()


def test_each_variation_is_drawn_for_itself_and_can_be_switched_off() -> None:
    image = content()
    assert (vary_strongly(image, NOTHING, rng()) == image).all()
    for only in ("colour_share", "grey_share", "blur_share"):
        settings = NOTHING.model_copy(update={only: 1.0})
        assert (vary_strongly(image, settings, rng()) != image).any(), only
    grey = vary_strongly(image, NOTHING.model_copy(update={"grey_share": 1.0}), rng())
    assert (grey == grey[..., :1]).all()
    assert (vary_strongly(image, StrongSettings(), rng(4)).shape) == image.shape
    drawn = [vary_strongly(image, StrongSettings(), rng(seed)) for seed in (5, 5, 6)]
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


@pytest.mark.parametrize("name", ["colour", "hue"])
def test_amounts_of_nothing_change_no_colour_beyond_rounding(name: str) -> None:
    both_off = NOTHING.model_copy(update={"colour_share": 1.0, "colour": 0.0, "hue": 0.0})
    one_on = both_off.model_copy(update={name: 0.25})

    still = vary_strongly(content(), both_off, rng()).astype(int) - content()
    moved = vary_strongly(content(), one_on, rng()).astype(int) - content()

    assert abs(still).max() <= 6
    assert abs(moved).max() > 20


def test_windows_lie_anywhere_inside_the_image_and_keep_its_aspect() -> None:
    windows = [choose_any_window((40, 90), 0.5, rng(seed)) for seed in range(200)]

    for left, top, right, bottom in windows:
        assert 0 <= left < right <= 90
        assert 0 <= top < bottom <= 40
        assert (right - left) / (bottom - top) == pytest.approx(90 / 40)
        assert 0.5 <= (bottom - top) / 40 <= 1
    assert min(window.left for window in windows) < 3
    assert max(window.right for window in windows) > 87
    assert choose_any_window((40, 90), 1.0, rng()) == pytest.approx((0, 0, 90, 40))
