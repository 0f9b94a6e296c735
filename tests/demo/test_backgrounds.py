"""Backgrounds: their size, their range, and that they come from photographs and from rules."""

import numpy as np
import pytest
from PIL import Image

from decouplednet.demo import backgrounds
from decouplednet.demo.backgrounds import draw_background


def _draws(count: int, photograph: Image.Image, side: int = 21) -> list[np.ndarray]:
    return [
        draw_background([photograph], side=side, rng=np.random.default_rng(seed))
        for seed in range(count)
    ]


@pytest.mark.parametrize("side", [17, 30])
def test_a_background_has_the_side_asked_for_and_stays_in_range(side: int) -> None:
    photograph = Image.effect_noise((53, 37), 60).convert("RGB")
    for picture in _draws(12, photograph, side):
        assert picture.shape == (side, side, 3)
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 255


def test_the_same_generator_gives_the_same_background_and_another_another() -> None:
    photograph = Image.effect_noise((53, 37), 60).convert("RGB")
    first, again = _draws(3, photograph), _draws(3, photograph)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])


def test_photographs_have_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backgrounds, "LARGEST_GRAIN", 0.0)
    black = Image.new("RGB", (40, 60))
    dark = sum(not picture.any() for picture in _draws(200, black))
    assert dark / 200 == pytest.approx(backgrounds.PHOTOGRAPH_SHARE, abs=0.1)


def test_a_part_of_a_photograph_lies_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backgrounds, "PHOTOGRAPH_SHARE", 1.0)
    monkeypatch.setattr(backgrounds, "LARGEST_GRAIN", 0.0)
    white = Image.new("RGB", (40, 60), "white")
    for picture in _draws(20, white):
        assert np.ptp(picture, axis=(0, 1)).max() == 0, "nothing from beyond the border"
