from collections import Counter
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.dataset.augmentation import (
    choose_labels,
    choose_view,
    choose_warped_view,
    choose_window,
    jitter_colour,
    union_mask,
)
from decouplednet.dataset.view import Box, View, cut_image, cut_mask
from decouplednet.stage_settings import AugmentationSettings


class Chooser(Protocol):
    def __call__(
        self, window: Box, *, side: int, settings: AugmentationSettings, rng: np.random.Generator
    ) -> View: ...


# A chi-square value above this has a chance below 1e-6 (6 degrees of freedom).
UNLIKELY = 38.3


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _union(height: int, width: int, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a mask of zeros with ones from left, top to right, bottom."""
    union = np.zeros((height, width), np.uint8)
    left, top, right, bottom = box
    union[top:bottom, left:right] = 1
    return union


def _settings(smallest_scale: float = 1.0, *, flip: bool = False) -> AugmentationSettings:
    return AugmentationSettings(flip=flip, smallest_scale=smallest_scale, colour=0)


def test_every_subset_of_the_labels_is_equally_likely() -> None:
    rng = _rng()
    counts = Counter(choose_labels([2, 5, 9], rng) for _ in range(3500))

    assert set(counts) == {(2,), (5,), (9,), (2, 5), (2, 9), (5, 9), (2, 5, 9)}
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < UNLIKELY


def test_one_label_is_always_taken() -> None:
    assert {choose_labels([4], _rng(seed)) for seed in range(20)} == {(4,)}


def test_many_labels_are_drawn_without_listing_their_subsets() -> None:
    taken = choose_labels(range(1, 254), _rng())

    assert 80 < len(taken) < 175
    assert set(taken) <= set(range(1, 254))
    assert taken != choose_labels(range(1, 254), _rng(1))


def test_no_label_has_no_subset() -> None:
    with pytest.raises(ValueError, match="an image without labels has no subset of them"):
        choose_labels([], _rng())


def test_union_mask_matches_a_reading_pixel_by_pixel() -> None:
    mask = _rng().integers(0, 6, (7, 9), np.uint8)
    mask[0, :4] = 255

    union = union_mask(mask, {1, 4})

    assert union.dtype == np.uint8
    for row in range(7):
        for column in range(9):
            label = int(mask[row, column])
            assert union[row, column] == (255 if label == 255 else int(label in (1, 4)))


@pytest.mark.parametrize(
    ("size", "box"),
    [
        pytest.param((40, 60), (20, 10, 33, 30), id="in the middle"),
        pytest.param((40, 60), (0, 0, 5, 40), id="at the edge"),
        pytest.param((40, 60), (59, 39, 60, 40), id="one pixel in the corner"),
        pytest.param((1, 60), (7, 0, 9, 1), id="in one row"),
        pytest.param((60, 1), (0, 50, 1, 55), id="in one column"),
    ],
)
def test_windows_hold_the_foreground_and_stay_inside_the_image(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    union = _union(*size, box)
    for seed in range(100):
        left, top, right, bottom = choose_window(union, _rng(seed))

        assert 0 <= left <= box[0]
        assert 0 <= top <= box[1]
        assert box[2] <= right <= size[1]
        assert box[3] <= bottom <= size[0]
        assert right - left >= 0.25 * size[1] - 1e-9
        assert bottom - top >= 0.25 * size[0] - 1e-9


def test_the_only_pixel_of_an_image_has_windows() -> None:
    for seed in range(50):
        left, top, right, bottom = choose_window(_union(1, 1, (0, 0, 1, 1)), _rng(seed))

        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1


def test_windows_range_from_tight_to_wide_and_put_the_foreground_anywhere() -> None:
    box = (60, 40, 90, 80)
    windows = np.array([choose_window(_union(120, 160, box), _rng(seed)) for seed in range(400)])
    left, top, right, bottom = windows.T

    width, height = right - left, bottom - top
    assert width.min() < 45
    assert width.max() > 130
    assert height.min() < 50
    assert height.max() > 105
    # The share of the window left of the foreground: it is not centred.
    share = (60 - left) / (width - 30)
    assert share.min() < 0.1
    assert share.max() > 0.9
    aspect = height / width
    assert aspect.min() < 0.7
    assert aspect.max() > 1.3
    assert aspect.min() >= 0.5 - 1e-9
    assert aspect.max() <= 2 + 1e-9


def test_the_tightest_margin_is_a_twentieth_of_the_foreground() -> None:
    box = (40, 20, 80, 60)
    windows = np.array([choose_window(_union(100, 120, box), _rng(seed)) for seed in range(400)])

    np.testing.assert_allclose(windows[:, 0].max(), 40 - 2)
    np.testing.assert_allclose(windows[:, 3].min(), 60 + 2)


@pytest.mark.parametrize("box", [(30, 2, 33, 48), (2, 20, 78, 22)])
def test_windows_on_narrow_foreground_are_not_narrow(box: tuple[int, int, int, int]) -> None:
    before = []
    for seed in range(100):
        left, top, right, bottom = choose_window(_union(50, 80, box), _rng(seed))

        assert 0 <= left <= box[0]
        assert 0 <= top <= box[1]
        assert box[2] <= right <= 80
        assert box[3] <= bottom <= 50
        assert 0.5 - 1e-9 <= (bottom - top) / (right - left) <= 2 + 1e-9
        before.append((box[0] - left) + (box[1] - top))
    assert len(set(before)) == 100


def test_windows_in_a_narrow_image_are_as_broad_as_it_allows() -> None:
    for seed in range(50):
        left, top, right, bottom = choose_window(_union(6, 80, (20, 2, 60, 3)), _rng(seed))

        assert (top, bottom) == (0, 6)
        assert 0 <= left < right <= 80


def test_windows_do_not_look_at_ignored_pixels() -> None:
    union = _union(40, 60, (20, 10, 33, 30))
    ignored = union.copy()
    ignored[:, :10] = 255

    assert choose_window(union, _rng()) == choose_window(ignored, _rng())


def test_windows_on_large_foreground_often_show_a_large_part_of_it() -> None:
    union = _union(50, 80, (2, 3, 79, 48))
    parts = 0
    for seed in range(200):
        left, top, right, bottom = choose_window(union, _rng(seed))

        assert 0 <= left < right <= 80
        assert 0 <= top < bottom <= 50
        assert right - left >= 0.6 * 77
        assert bottom - top >= 0.6 * 45
        parts += not (left <= 2 and top <= 3 and right >= 79 and bottom >= 48)
    assert 30 < parts < 170


def test_a_part_holds_at_least_half_of_the_foreground() -> None:
    # Two blobs in opposite corners: many parts of their box miss one of them, or nearly both.
    union = _union(50, 80, (0, 0, 9, 7)) | _union(50, 80, (70, 44, 80, 50))
    for seed in range(300):
        window = choose_window(union, _rng(seed))

        left, top, right, bottom = (round(edge) for edge in window)
        assert union[top:bottom, left:right].sum() >= union.sum() / 2


def test_a_mask_without_foreground_has_no_window() -> None:
    union = np.full((4, 5), 255, np.uint8)

    with pytest.raises(ValueError, match="a mask without foreground has no window around it"):
        choose_window(union, _rng())


def test_views_keep_the_aspect_at_every_scale() -> None:
    window = Box(3.5, 2, 33.5, 22)
    sides = set()
    for seed in range(300):
        view = choose_view(window, side=24, settings=_settings(0.5), rng=_rng(seed))

        height, width = view.placed
        assert view.window == window
        assert abs(height - width * 20 / 30) <= 1
        sides.add(width)
    assert sides == set(range(12, 25))


def test_views_at_the_smallest_scale_of_one_fill_the_frame() -> None:
    view = choose_view(Box(0, 0, 7, 14), side=24, settings=_settings(1.0), rng=_rng())

    assert view.placed == (24, 12)


def test_a_view_is_never_empty() -> None:
    view = choose_view(Box(0, 0, 7, 1), side=1, settings=_settings(0.01), rng=_rng())

    assert view.placed == (1, 1)


@pytest.mark.parametrize("choose", [choose_view, choose_warped_view])
def test_half_of_the_views_are_mirrored_where_flip_is_set(choose: Chooser) -> None:
    def mirrored(*, flip: bool) -> int:
        settings = _settings(flip=flip)
        views = [
            choose(Box(0, 0, 9, 5), side=8, settings=settings, rng=_rng(seed))
            for seed in range(200)
        ]
        return sum(view.mirrored for view in views)

    assert mirrored(flip=False) == 0
    assert 60 < mirrored(flip=True) < 140


def test_a_warped_view_is_the_window_resized_and_then_cut() -> None:
    image = np.kron(_rng().integers(0, 256, (9, 6, 3), np.uint8), np.ones((4, 4, 1), np.uint8))
    window = Box(4, 2, 22, 33)
    warped = Image.fromarray(image).resize((35, 35), Image.Resampling.BILINEAR, box=window)
    matches = set()
    for seed in range(40):
        view = choose_warped_view(window, side=32, settings=_settings(), rng=_rng(seed))

        assert view.placed == (32, 32)
        content = cut_image(image, view).astype(int)
        cuts = {
            (row, column)
            for row in range(4)
            for column in range(4)
            if np.abs(np.asarray(warped)[row : row + 32, column : column + 32] - content).max() <= 1
        }
        assert len(cuts) == 1
        matches |= cuts
    assert len(matches) > 12  # of the 16 places where 32 x 32 pixels fit into 35 x 35


def test_warped_views_stay_inside_the_window() -> None:
    window = Box(0.1, 0.3, 7.7, 5.9)
    for seed in range(200):
        side = 1 + seed % 40
        view = choose_warped_view(window, side=side, settings=_settings(), rng=_rng(seed))

        assert window.left <= view.window.left < view.window.right <= window.right
        assert window.top <= view.window.top < view.window.bottom <= window.bottom


@pytest.mark.parametrize("choose", [choose_view, choose_warped_view])
def test_an_image_that_encodes_its_mask_stays_on_it(choose: Chooser) -> None:
    mask = np.kron(_rng().integers(0, 2, (3, 5), np.uint8), np.ones((20, 16), np.uint8))
    image = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    settings = _settings(0.6, flip=True)
    for seed in range(50):
        rng = _rng(seed)
        view = choose(choose_window(mask, rng), side=64, settings=settings, rng=rng)

        content, ids = cut_image(image, view)[..., 0], cut_mask(mask, view)

        # Blends at edges lie on both sides of the middle; half a pixel of shift would show.
        np.testing.assert_array_equal(content[content == 0] > 0, ids[content == 0] > 0)
        np.testing.assert_array_equal(content[content == 255] > 0, ids[content == 255] > 0)
        wrong = (content > 127.5) != (ids == 1)
        assert wrong.mean() < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_makes_the_same_choices(seed: int) -> None:
    union = _union(40, 60, (20, 10, 33, 30))
    image = _rng().integers(0, 256, (5, 7, 3), np.uint8)

    assert choose_window(union, _rng(seed)) == choose_window(union, _rng(seed))
    assert choose_window(union, _rng(seed)) != choose_window(union, _rng(seed + 1))
    np.testing.assert_array_equal(
        jitter_colour(image, 0.3, _rng(seed)), jitter_colour(image, 0.3, _rng(seed))
    )
