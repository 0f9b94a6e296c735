import numpy as np
import pytest

from decouplednet.classes import colour_of
from decouplednet.errors import DataError
from decouplednet.inference.prediction import Prediction


def example() -> Prediction:
    label_map = np.array([[0, 2, 0], [9, 0, 2]], np.uint8)
    cat = np.array([[0.1, 0.9, 0.0], [0.2, 0.3, 0.6]], np.float32)
    cow = np.array([[0.2, 0.1, 0.0], [0.7, 0.3, 0.4]], np.float32)
    return Prediction(label_map, {"cat": cat, "cow": cow}, {"cat": 0.8, "cow": 0.6}, ("cat", "cow"))


def test_the_background_map_fills_the_class_maps_up_to_one() -> None:
    prediction = example()

    background = prediction.background_map()

    assert background.dtype == np.float32
    expected = [[0.7, 0.0, 1.0], [0.1, 0.4, 0.0]]
    np.testing.assert_allclose(background, expected, atol=1e-6)
    assert background.min() >= 0


def test_an_overlay_mixes_colours_pixel_by_pixel_and_leaves_background_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    before = image.copy()

    overlay = example().overlay(image, strength=0.25)

    assert overlay.dtype == np.uint8
    assert np.array_equal(image, before)
    for row in range(2):
        for column in range(3):
            label = int(example().label_map[row, column])
            for channel in range(3):
                value = float(image[row, column, channel])
                mixed = value + 0.25 * (colour_of(label)[channel] - value)
                expected = value if label == 0 else round(mixed)
                assert overlay[row, column, channel] == expected


@pytest.mark.parametrize(("strength", "same_as_image"), [(0.0, True), (1.0, False)])
def test_strength_goes_from_the_image_to_the_pure_colour(
    strength: float, same_as_image: bool
) -> None:
    image = np.full((2, 3, 3), 40, np.uint8)

    overlay = example().overlay(image, strength)

    assert tuple(overlay[0, 1]) == ((40, 40, 40) if same_as_image else colour_of(2))


def test_an_overlay_refuses_an_image_of_another_size() -> None:
    expected = r"shape \(3, 2, 3\) .* label map of \(2, 3\) \(H, W\); expected \(2, 3, 3\)"
    with pytest.raises(DataError, match=expected):
        example().overlay(np.zeros((3, 2, 3), np.uint8))


@pytest.mark.parametrize("strength", [0.5, 0.7, np.float32(0.3)])
def test_an_overlay_of_many_strips_is_the_formula_for_all_pixels(strength: float) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (301, 647, 3), dtype=np.uint8)
    label_map = rng.integers(0, 21, (301, 647)).astype(np.uint8)
    colours = np.array([colour_of(index) for index in range(21)], np.float32)[label_map]
    mixed = np.rint(image + strength * (colours - image)).astype(np.uint8)
    expected = np.where(label_map[..., None] == 0, image, mixed)

    overlay = Prediction(label_map, {}, {}, ()).overlay(image, strength)

    np.testing.assert_array_equal(overlay, expected)
