"""Refined maps against a guided filter written square by square."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.inference.procedure import Procedure
from decouplednet.inference.refinement import guided_filter, radius_in_pixels, refine
from tests.inference.small import small_network
from tests.inference.test_predictor import draw, predictor


def reading(
    one: NDArray[np.float64], guide: NDArray[np.float64], radius: int, epsilon: float
) -> NDArray[np.float64]:
    """Return a filtered map: fit a line in every square, then average those that hold a pixel."""
    height, width = one.shape
    total, squares = np.zeros(one.shape), np.zeros(one.shape)
    for row in range(height):
        for column in range(width):
            square = (
                slice(max(0, row - radius), row + radius + 1),
                slice(max(0, column - radius), column + radius + 1),
            )
            levels, values = guide[square].ravel(), one[square].ravel()
            # Least squares with a cost on the slope: epsilon a pixel.
            system = np.array(
                [
                    [(levels**2).mean() + epsilon, levels.mean()],
                    [levels.mean(), 1.0],
                ]
            )
            slope, offset = np.linalg.solve(system, [(levels * values).mean(), values.mean()])
            total[row, column] = slope
            squares[row, column] = offset
    filtered = np.zeros(one.shape)
    for row in range(height):
        for column in range(width):
            lines = [
                total[y, x] * guide[row, column] + squares[y, x]
                for y in range(height)
                for x in range(width)
                if abs(y - row) <= radius and abs(x - column) <= radius
            ]
            filtered[row, column] = sum(lines) / len(lines)
    return filtered


@pytest.mark.parametrize(("radius", "epsilon"), [(1, 0.01), (3, 0.2), (9, 0.001)])
def test_the_guided_filter_equals_a_reading_square_by_square(radius: int, epsilon: float) -> None:
    rng = np.random.default_rng(radius)
    maps, guide = rng.random((3, 7, 11)), rng.random((7, 11))

    filtered = guided_filter(
        torch.from_numpy(maps), torch.from_numpy(guide), radius=radius, epsilon=epsilon
    )

    for one, got in zip(maps, filtered, strict=True):
        np.testing.assert_allclose(got, reading(one, guide, radius, epsilon), atol=1e-10)


@pytest.mark.parametrize(("radius", "contrast"), [(0.15, 0.1), (0.35, 0.02)])
def test_refined_maps_are_filtered_by_the_grey_image_and_sum_to_one(
    radius: float, contrast: float
) -> None:
    image = draw((9, 14), seed=2) % np.uint8(60)
    image[4, ::6] = 255  # beyond the levels to which lines are fitted
    dark = np.where(image.mean(axis=2) < 28, 0.98, 0.01)
    maps = np.stack([dark, 0.7 * (1 - dark), 0.3 * (1 - dark)])

    refined = refine(
        torch.from_numpy(maps).float(),
        torch.tensor(image),
        radius=radius_in_pixels(radius, (9, 14)),
        contrast=contrast,
    )

    grey = (0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]) / 255
    filtered = np.stack([reading(one, grey, round(14 * radius), contrast**2) for one in maps])
    assert filtered.min() < 0  # lines overshoot
    expected = filtered.clip(min=0) / filtered.clip(min=0).sum(axis=0)
    assert refined.dtype == torch.float32
    np.testing.assert_allclose(refined, expected, atol=1e-5)


def test_a_border_beside_an_edge_moves_to_it() -> None:
    image = np.full((20, 30, 3), 40, np.uint8)
    image[:, 15:] = 200
    foreground = torch.zeros(20, 30)
    foreground[:, 13:] = 1  # two pixels too far left
    maps = torch.stack([1 - foreground, foreground])

    refined = refine(maps, torch.tensor(image), radius=9, contrast=0.01)

    assert (refined.argmax(dim=0) == torch.from_numpy(image[..., 0] > 100)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (23, 2)])
def test_images_smaller_than_a_square_are_refined_too(size: tuple[int, int]) -> None:
    maps = torch.ones(1, *size)

    refined = refine(maps, torch.tensor(draw(size)), radius=9, contrast=0.1)

    torch.testing.assert_close(refined, maps)


@pytest.mark.parametrize("size", [(37, 53), (11, 7)])
def test_a_predictor_refines_the_maps_and_then_lets_the_largest_win(size: tuple[int, int]) -> None:
    network, image, tags = small_network(seed=1), draw(size), [{"cat", "dog"}]
    (plain,) = predictor(network).predict([image], tags)
    procedure = Procedure(
        refinement="guided", refinement_radius=0.1, refinement_contrast=0.2, flip=True
    )
    (flipped,) = predictor(network, procedure=Procedure(flip=True)).predict([image], tags)

    (refined,) = predictor(network, procedure=procedure).predict([image], tags)

    maps = torch.stack(
        [
            torch.from_numpy(flipped.background_map()),
            *(torch.from_numpy(flipped.class_maps[name]) for name in ("cat", "dog")),
        ]
    )
    radius = radius_in_pixels(0.1, size)
    expected = refine(maps, torch.tensor(image), radius=radius, contrast=0.2)
    for place, name in enumerate(("cat", "dog"), start=1):
        np.testing.assert_allclose(refined.class_maps[name], expected[place], atol=1e-5)
    winner = np.array([0, 1, 3])[expected.argmax(dim=0).numpy()]
    assert (refined.label_map == winner).mean() > 0.99  # but for ties within rounding
    assert (refined.label_map != plain.label_map).any()
    assert refined.scores == flipped.scores


def test_a_mirrored_array_is_an_image_too() -> None:
    image = draw((12, 15))
    guided = predictor(small_network(seed=1), procedure=Procedure(refinement="guided"))

    (one,) = guided.predict([image[:, ::-1]], [{"cat"}])
    (other,) = guided.predict([image[:, ::-1].copy()], [{"cat"}])

    np.testing.assert_array_equal(one.label_map, other.label_map)
