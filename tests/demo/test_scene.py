"""Scenes: the mask says what lies on top, and every object stays in sight."""

import numpy as np
import pytest

from decouplednet.demo import scene
from decouplednet.demo.scene import Layer, covered, draw_scene, flatten
from decouplednet.demo.stock import CLASSES, Stock, open_stock


@pytest.fixture(scope="module")
def stock() -> Stock:
    """The package's pictures, opened once."""
    return open_stock()


def _layer(rng: np.random.Generator, index: int, size: tuple[int, int]) -> Layer:
    colour = rng.uniform(0, 255, (*size, 3)).astype(np.float32)
    # Many pixels exactly at the threshold, half covered.
    alpha = rng.choice([0.0, 0.2, 0.5, 0.75, 1.0], size).astype(np.float32)
    return Layer(index, colour, alpha)


def test_flatten_matches_a_reading_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    background = rng.uniform(0, 255, (5, 7, 3)).astype(np.float32)
    layers = [_layer(rng, index, (5, 7)) for index in (3, 0, 1)]

    image, mask = flatten(background, layers)

    for row in range(5):
        for column in range(7):
            colour, index = background[row, column].astype(np.float64), 0
            for layer in layers:
                share = float(layer.alpha[row, column])
                colour = (1 - share) * colour + share * layer.colour[row, column]
                index = layer.index if share > 0.5 else index
            assert mask[row, column] == index
            assert np.abs(image[row, column] - colour).max() <= 0.51


def test_a_thing_of_no_class_hides_what_lies_below() -> None:
    full = np.ones((2, 3), np.float32)
    colour = np.zeros((2, 3, 3), np.float32)
    _, mask = flatten(colour, [Layer(4, colour, full), Layer(0, colour, full)])
    assert not mask.any()


def test_without_layers_the_background_is_left() -> None:
    background = np.full((2, 3, 3), 99.6, np.float32)
    image, mask = flatten(background, [])
    assert (image == 100).all()
    assert not mask.any()


@pytest.mark.parametrize("side", [48, 96])
def test_the_tags_of_a_scene_are_the_classes_of_its_mask(stock: Stock, side: int) -> None:
    counts = set()
    for seed in range(80):
        drawn = draw_scene(stock, side=side, rng=np.random.default_rng(seed))
        assert drawn.image.shape == (side, side, 3)
        assert drawn.mask.shape == (side, side)
        present = {CLASSES.names[index - 1] for index in np.unique(drawn.mask) if index}
        assert drawn.tags == present
        counts.add(len(present))
    assert counts == {0, 1, 2, 3}


def test_the_same_generator_gives_the_same_scene(stock: Stock) -> None:
    one, other, another = (
        draw_scene(stock, side=33, rng=np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.mask, other.mask)
    assert one.tags == other.tags
    assert not np.array_equal(one.image, another.image)


def test_the_mask_agrees_with_what_was_pasted_on_top(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Layer, ...]] = []

    def record(background: np.ndarray, layers: list[Layer]) -> tuple[np.ndarray, np.ndarray]:
        seen.append(tuple(layers))
        return flatten(background, layers)

    monkeypatch.setattr(scene, "flatten", record)
    for seed in range(30):
        drawn = draw_scene(stock, side=40, rng=np.random.default_rng(seed))
        top = np.zeros((40, 40), np.uint8)
        for layer in reversed(seen[-1]):
            free = (top == 0) & (layer.alpha > 0.5)
            top[free] = layer.index or 255
        assert np.array_equal(drawn.mask, np.where(top == 255, 0, top))


def test_every_object_keeps_its_share_in_sight(
    stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = 0

    def check(background: np.ndarray, layers: list[Layer]) -> tuple[np.ndarray, np.ndarray]:
        nonlocal checked
        for position, layer in enumerate(layers):
            own = covered(layer)
            hidden = np.zeros_like(own)
            for above in layers[position + 1 :]:
                hidden |= covered(above)
            assert (own & ~hidden).sum() >= scene.LEAST_UNCOVERED * own.sum()
            checked += bool(hidden[own].any())
        return flatten(background, layers)

    monkeypatch.setattr(scene, "flatten", check)
    for seed in range(60):
        draw_scene(stock, side=40, rng=np.random.default_rng(seed))
    assert checked > 5, "some objects do overlap"


def test_an_object_without_room_is_left_out(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "LEAST_UNCOVERED", 1.01)
    most = max(
        len(draw_scene(stock, side=30, rng=np.random.default_rng(seed)).tags) for seed in range(20)
    )
    assert most == 1, "nothing can be laid over or beside anything"
