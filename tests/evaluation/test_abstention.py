"""The choice of thresholds against a reading pixel by pixel, and on pixels of known accuracy."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from decouplednet.classes import IGNORE
from decouplednet.evaluation.abstention import (
    ERRORS,
    FEWEST_IMAGES,
    FEWEST_PIXELS,
    LEVELS,
    NONE_ACCEPTED,
    ImageCounts,
    abstain,
    choose,
    count_image,
    cross_fitted,
    sure_share,
)

Pixels = list[tuple[int, float, bool]]
"""Of one image: the class that won each pixel, its certainty, whether it is right."""


def made(
    images: int,
    pixels: int,
    *,
    seed: int,
    power: float = 1.0,
    spread: float = 0.0,
    shares: Sequence[float] = (0.6, 0.3, 0.1),
) -> list[Pixels]:
    """Return pixels that are right as often as their certainty to a power says.

    Args:
        images: how many.
        pixels: in each.
        seed: of the draws.
        power: 1: calibrated; above: surer than right.
        spread: standard deviation over images of what is added to the share that is right.
        shares: of the pixels that background and each class win.
    """
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(images):
        shift = rng.normal(0, spread)
        label = rng.choice(len(shares), pixels, p=shares)
        sure = (rng.beta(3, 0.6, pixels) / 2 + 0.5).astype(np.float32)
        right = rng.random(pixels) < sure**power + shift
        made.append(list(zip(label.tolist(), sure.tolist(), right.tolist(), strict=True)))
    return made


def counted(image: Pixels) -> ImageCounts:
    """Return the counts of pixels, each right one having its class for truth."""
    label, sure, right = (np.array(column) for column in zip(*image, strict=True))
    truth = np.where(right, label, label + 1)
    return count_image(
        label.astype(np.uint8)[None], sure.astype(np.float32)[None], truth.astype(np.uint8)[None]
    )


def read_sure_share(images: Sequence[Pixels], threshold: float) -> float:
    """Return what ``sure_share`` says at a threshold, pixel by pixel."""
    of_images = []
    for image in images:
        won = sum(sure >= threshold for _, sure, _ in image)
        right = sum(sure >= threshold and ok for _, sure, ok in image)
        of_images.append((int(won), int(right)))
    all_won, all_right = (sum(column) for column in zip(*of_images, strict=True))
    if sum(won > 0 for won, _ in of_images) < min(FEWEST_IMAGES, len(images)) or not all_won:
        return 0.0
    share = all_right / all_won
    squares = sum((right - share * won) ** 2 for won, right in of_images)
    error = math.sqrt(squares * len(images) / (len(images) - 1)) / all_won
    return float(share - ERRORS * error)


def read_choice(images: Sequence[Pixels], wanted: float) -> int:
    for level, threshold in enumerate(LEVELS.tolist()):
        if read_sure_share(images, threshold) >= wanted:
            return level
    return NONE_ACCEPTED


def test_levels_rise_and_are_what_is_written_of_them() -> None:
    assert (np.diff(LEVELS) > 0).all()
    assert LEVELS[0] == 0
    assert [np.float32(round(float(level), 5)) for level in LEVELS] == LEVELS.tolist()


def test_the_counts_of_an_image_are_those_of_a_loop_over_its_pixels() -> None:
    rng = np.random.default_rng(0)
    label_map = rng.choice([0, 1, 4], (37, 53)).astype(np.uint8)
    certainty = rng.random((37, 53), np.float32)
    certainty[:3] = LEVELS[7]  # on a level: it counts there
    truth = np.where(rng.random((37, 53)) < 0.7, label_map, 1).astype(np.uint8)
    truth[5:9] = IGNORE
    won, right = np.zeros((5, len(LEVELS)), int), np.zeros((5, len(LEVELS)), int)
    for row in range(37):
        for column in range(53):
            if truth[row, column] == IGNORE:
                continue
            level = max(i for i in range(len(LEVELS)) if LEVELS[i] <= certainty[row, column])
            won[label_map[row, column], level] += 1
            right[label_map[row, column], level] += label_map[row, column] == truth[row, column]

    counts = count_image(label_map, certainty, truth)

    assert counts.labels.tolist() == [0, 1, 4]
    assert np.array_equal(counts.won, won[[0, 1, 4]])
    assert np.array_equal(counts.right, right[[0, 1, 4]])


def test_an_image_whose_mask_is_all_ignored_counts_nothing() -> None:
    label_map = np.ones((3, 5), np.uint8)

    counts = count_image(label_map, np.ones((3, 5), np.float32), np.full((3, 5), IGNORE, np.uint8))

    assert counts.labels.size == 0
    assert counts.won.shape == counts.right.shape == (0, len(LEVELS))


def test_a_mask_of_another_size_is_refused() -> None:
    label_map, certainty = np.zeros((3, 5), np.uint8), np.ones((3, 5), np.float32)

    with pytest.raises(ValueError, match=r"label map \(3, 5\) and \(3, 4\) differ in \(H, W\)"):
        count_image(label_map, certainty, label_map[:, :4])


def test_a_sure_share_is_that_of_a_loop_over_images_and_pixels() -> None:
    images = made(13, 40, seed=1, spread=0.1)
    counts = [counted(image) for image in images]
    on = [np.stack([c.won.sum(0), c.right.sum(0)])[:, ::-1].cumsum(1)[:, ::-1] for c in counts]
    won, right = (np.stack([each[k] for each in on]) for k in (0, 1))

    found = sure_share(won, right)

    for level in range(0, len(LEVELS), 11):
        expected = read_sure_share(images, float(LEVELS[level]))
        assert found[level] == pytest.approx(expected, abs=1e-12)


def test_one_image_that_is_wrong_throughout_costs_more_than_its_pixels() -> None:
    right = np.array([[100]] * 19 + [[0]])
    won = np.full((20, 1), 100)

    # 0.95 of the pixels are right, but one image in twenty is 0.05 +- 0.05 of all images.
    assert sure_share(won, right).tolist() == pytest.approx([0.95 - ERRORS * 0.05])


def test_each_class_has_the_lowest_threshold_that_is_sure_enough() -> None:
    images = made(24, 300, seed=2, power=1.6, spread=0.03)
    wanted = 0.9

    choice = choose([counted(image) for image in images], 2, wanted)

    assert choice.common == read_choice(images, wanted)
    for label in range(3):
        its = [[pixel for pixel in image if pixel[0] == label] for image in images]
        if sum(map(len, its)) >= FEWEST_PIXELS:
            assert choice.own[label]
            assert choice.levels[label] == read_choice([one for one in its if one], wanted)
        else:
            assert not choice.own[label]
            assert choice.levels[label] == choice.common
    assert choice.own.tolist() == [True, True, False]
    assert 0 < choice.common < NONE_ACCEPTED


def test_a_class_in_few_images_has_the_common_threshold_however_many_its_pixels() -> None:
    images = made(FEWEST_IMAGES + 5, 2 * FEWEST_PIXELS, seed=3, shares=(1.0,))
    rare = made(FEWEST_IMAGES - 1, FEWEST_PIXELS, seed=4, power=5, shares=(0.0, 1.0))

    choice = choose([counted(image) for image in (*images, *rare)], 1, 0.93)

    assert choice.own.tolist() == [True, False]
    assert choice.levels.tolist() == [choice.levels[0], choice.common]
    assert choice.levels[0] < choice.common


def test_where_no_pixel_is_right_often_enough_none_is_accepted() -> None:
    images = [counted(image) for image in made(12, 400, seed=5, power=1e9)]

    choice = choose(images, 2, 0.99)

    assert (choice.levels == NONE_ACCEPTED).all()
    found = cross_fitted(images, 2, 0.99, folds=4, seed=0)
    assert found.accepted.sum() == 0
    assert found.won.sum() == 12 * 400


@pytest.mark.parametrize("power", [1.0, 3.0])
@pytest.mark.parametrize("wanted", [0.9, 0.95])
def test_what_is_achieved_on_other_images_is_what_is_asked(power: float, wanted: float) -> None:
    images = [counted(image) for image in made(60, 500, seed=6, power=power, spread=0.02)]

    found = cross_fitted(images, 2, wanted, folds=5, seed=0)

    assert wanted - 0.01 <= found.right.sum() / found.accepted.sum() <= wanted + 0.02


def test_a_predictor_that_is_surer_than_right_gets_higher_thresholds_and_accepts_less() -> None:
    choices, accepted = [], []
    for power in (1.0, 3.0):
        images = [counted(image) for image in made(40, 500, seed=7, power=power)]
        choices.append(choose(images, 2, 0.93))
        accepted.append(int(cross_fitted(images, 2, 0.93, folds=5, seed=0).accepted.sum()))

    assert choices[0].common < choices[1].common
    assert accepted[0] > 1.2 * accepted[1]


def test_every_image_is_checked_once_by_thresholds_of_the_others() -> None:
    images = made(7, 90, seed=8, power=2)
    wanted, folds, seed = 0.8, 3, 4
    order = np.random.default_rng(seed).permutation(len(images)).tolist()
    right = accepted = 0
    for fold in range(folds):
        checked = order[fold::folds]
        threshold = read_choice([images[i] for i in range(7) if i not in checked], wanted)
        for place in checked:
            for _, sure, ok in images[place]:
                if threshold < NONE_ACCEPTED and sure >= float(LEVELS[threshold]):
                    accepted += 1
                    right += ok

    found = cross_fitted([counted(image) for image in images], 2, wanted, folds=folds, seed=seed)

    assert found.accepted.sum() == accepted > 0
    assert found.right.sum() == right
    assert found.won.sum() == 7 * 90


def test_another_seed_parts_the_images_otherwise() -> None:
    images = [counted(image) for image in made(11, 200, seed=9, power=2, spread=0.1)]

    accepted = {
        int(cross_fitted(images, 2, 0.85, folds=3, seed=seed).accepted.sum()) for seed in range(5)
    }

    assert len(accepted) > 1


def test_pixels_below_the_threshold_of_their_class_are_left_open() -> None:
    rng = np.random.default_rng(10)
    label_map = rng.integers(0, 3, (37, 53)).astype(np.uint8)
    certainty = rng.random((37, 53), np.float32)
    certainty[0] = np.float32(0.6)
    thresholds = np.array([0.2, 0.6, np.inf], np.float32)
    before = label_map.copy()

    kept = abstain(label_map, certainty, thresholds)

    for row in range(37):
        for column in range(53):
            label = int(label_map[row, column])
            expected = label if certainty[row, column] >= thresholds[label] else IGNORE
            assert kept[row, column] == expected
    assert np.array_equal(label_map, before)
    assert (kept[0][label_map[0] == 1] == 1).all()
    assert not (kept == 2).any()


def test_a_label_map_and_certainties_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"label map \(2, 3\) and \(3, 2\) differ in \(H, W\)"):
        abstain(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.float32), np.zeros(1, np.float32))
