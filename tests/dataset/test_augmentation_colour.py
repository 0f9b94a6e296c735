"""The change of colours by ``dataset.augmentation``."""

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.dataset.augmentation import change_colour, jitter_colour


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("brightness", "contrast", "saturation"),
    [(1.3, 1, 1), (1, 0.6, 1), (1, 1, 0.2), (0.7, 1.3, 1.4), (1.6, 1, 1.6)],
)
def test_change_colour_matches_a_reading_pixel_by_pixel(
    brightness: float, contrast: float, saturation: float
) -> None:
    image = _rng().integers(0, 256, (5, 7, 3), np.uint8)

    def grey(pixel: NDArray[np.float64]) -> float:
        return float(0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2])

    bright = image.astype(float) * brightness
    middle = float(np.mean([grey(pixel) for row in bright for pixel in row]))
    expected = np.zeros((5, 7, 3))
    for row in range(5):
        for column in range(7):
            pixel = middle + contrast * (bright[row, column] - middle)
            expected[row, column] = grey(pixel) + saturation * (pixel - grey(pixel))

    changed = change_colour(image, brightness, contrast, saturation)

    assert changed.dtype == np.uint8
    # Half a level of rounding.
    np.testing.assert_allclose(changed, np.clip(expected, 0, 255), rtol=0, atol=0.501)


def test_factors_of_one_change_nothing() -> None:
    image = _rng().integers(0, 256, (5, 7, 3), np.uint8)

    np.testing.assert_array_equal(change_colour(image, 1, 1, 1), image)


def test_an_amount_of_zero_changes_nothing() -> None:
    image = _rng().integers(0, 256, (5, 7, 3), np.uint8)

    assert jitter_colour(image, 0, _rng()) is image


def test_jitter_stays_within_its_amount_and_uses_all_of_it() -> None:
    # On grey, contrast and saturation change nothing, so the level shows the brightness.
    grey = np.full((2, 3, 3), 100, np.uint8)
    levels = [int(jitter_colour(grey, 0.3, _rng(seed))[0, 0, 0]) for seed in range(200)]

    assert 70 <= min(levels) < 75
    assert 125 < max(levels) <= 130


def test_jitter_changes_contrast_and_saturation_too() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0] = 200
    contrasts = set()
    for seed in range(20):
        black, white = jitter_colour(image, 0.3, _rng(seed))[1::-1, 0, 0].astype(float)
        contrasts.add(round((white - black) / (white + black), 1))
    assert len(contrasts) > 2

    red = np.full((2, 2, 3), 60, np.uint8)
    red[..., 0] = 120
    tints = [jitter_colour(red, 0.3, _rng(seed))[0, 0].astype(float) for seed in range(20)]
    assert len({round(float(tint[0] / tint[1]), 1) for tint in tints}) > 3
