import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from decouplednet.errors import DataError, ModelError, SettingsError
from decouplednet.inference import tiles
from decouplednet.inference.batches import batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.tiles import TiledPredictor
from tests.inference.small import NAMES, answer, small_network, small_segmenter
from tests.inference.test_predictor import count_passes, draw, predictor
from tests.inference.test_tiling import plain_places, plain_weight
from tests.networks.small import paper_parts

TILE = 40
THRESHOLD = 0.82
SHADES = np.linspace(0, 255, 73 * 101 * 3).reshape(73, 101, 3).astype(np.uint8)


def tiled(predicts: Predictor | None = None, tile: int = TILE) -> TiledPredictor:
    return TiledPredictor(predictor=predicts or predictor(small_network(seed=1)), tile=tile)


def plain_maps(
    predicts: Predictor, image: NDArray[np.uint8], tile: int
) -> dict[str, NDArray[np.float64]]:
    """Return (H, W) maps of all classes and background, pixel by pixel."""
    height, width = image.shape[:2]
    maps = {name: np.zeros((height, width)) for name in ("background", *NAMES)}
    total = np.zeros((height, width))
    for down in plain_places(height, tile):
        for across in plain_places(width, tile):
            (seen,) = predicts.predict([image[slice(*down), slice(*across)]])
            of_tile = {"background": seen.background_map(), **seen.class_maps}
            for y in range(*down):
                for x in range(*across):
                    weight = plain_weight(y, down, height, tile)
                    weight *= plain_weight(x, across, width, tile)
                    total[y, x] += weight
                    for name, one in of_tile.items():
                        maps[name][y, x] += weight * one[y - down[0], x - across[0]]
    return {name: of_class / total for name, of_class in maps.items()}


@pytest.mark.parametrize("image", [draw((73, 101)), SHADES, draw((101, 33), seed=4)])
def test_maps_are_the_weighted_means_of_those_of_the_tiles(image: NDArray[np.uint8]) -> None:
    predicts = predictor(small_network(seed=1))
    expected = plain_maps(predicts, image, TILE)

    (found,) = tiled(predicts).predict([image])

    assert found.class_maps
    for name, of_class in found.class_maps.items():
        np.testing.assert_allclose(of_class, expected[name], atol=1e-5)
    winner = np.argmax([expected[name] for name in ("background", *NAMES)], axis=0)
    assert (found.label_map != winner).mean() < 0.002  # ties within rounding
    assert {name for name in NAMES if expected[name].any()} <= set(found.identified)


def test_tiles_that_say_the_same_are_one_map() -> None:
    network = small_network(seed=1)
    answer(network, (0.9, 0.2, 0.8))
    _, decoder = paper_parts(network)
    torch.nn.init.zeros_(decoder.score.weight)

    (found,) = tiled(predictor(network)).predict([draw((131, 97))])

    assert found.identified == ("cat", "dog")
    for of_class in found.class_maps.values():
        np.testing.assert_allclose(of_class, of_class[0, 0], atol=1e-6)


def assert_alike(found: Prediction, expected: Prediction) -> None:
    """Assert the same maps, and the same label wherever one map is clearly the highest."""
    names = list(expected.class_maps)
    maps, theirs = (np.stack([of.class_maps[one] for one in names]) for of in (found, expected))
    np.testing.assert_allclose(maps, theirs, atol=1e-5)
    second, first = np.sort([np.full_like(theirs[0], -1), *theirs], axis=0)[-2:]
    clear = first - second > 2 * np.abs(maps - theirs).max()
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found.label_map[clear], expected.label_map[clear])


def test_images_as_small_as_a_tile_are_predicted_together_as_a_whole() -> None:
    predicts = predictor(small_network(seed=1))
    images = [draw((40, 13)), draw((77, 40), seed=1), draw((11, 40), seed=2)]
    (small,), (other,) = predicts.predict(images[:1]), predicts.predict(images[2:], [{"cow"}])

    found = tiled(predicts).predict(images, [None, {"cat"}, {"cow"}])

    assert_alike(found[0], small)
    assert_alike(found[2], other)
    assert found[1].label_map.shape == (77, 40)
    assert found[1].identified == ("cat",)
    assert found[2].identified == ("cow",)


def test_a_class_counts_as_highly_as_in_the_tile_where_it_is_most_probable() -> None:
    predicts, image = predictor(small_network(seed=1)), draw((61, 90))
    crops = [
        image[slice(*down), slice(*across)]
        for down in plain_places(61, TILE)
        for across in plain_places(90, TILE)
    ]
    of_tiles = [seen.scores for seen in predicts.predict(crops)]

    (found,) = tiled(predicts).predict([image])

    for name in NAMES:
        assert found.scores[name] == pytest.approx(max(scores[name] for scores in of_tiles))


def watch(predicts: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Return what each tile is told from now on."""
    told, whole = [], Predictor.predict

    def watching(self: Predictor, images: Sequence[object], tags: object = None, **rest: object):  # type: ignore[no-untyped-def]
        assert isinstance(tags, list)
        told.extend(tags)
        return whole(self, images, tags, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "predict", watching)
    return told


def test_a_tile_is_told_the_tags_that_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    predicts, image = predictor(small_network(seed=1), threshold=THRESHOLD), draw((61, 90))
    crops = [
        image[slice(*down), slice(*across)]
        for down in plain_places(61, TILE)
        for across in plain_places(90, TILE)
    ]
    scores = [predicts.predict([crop])[0].scores for crop in crops]
    names = {"cat", "dog"}
    expected = [{name for name in names if of_tile[name] > THRESHOLD} for of_tile in scores]
    assert expected != [{name for name in names if of_tile[name] > 0.5} for of_tile in scores]
    for name in names:
        if not any(name in told for told in expected):
            expected[int(np.argmax([of_tile[name] for of_tile in scores]))].add(name)
    told = watch(predicts, monkeypatch)

    (found,) = tiled(predicts).predict([image], [names])

    assert told == expected
    assert found.identified == ("cat", "dog")


def test_a_tag_that_no_tile_shows_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network(seed=1)
    answer(network, (0.3, 0.9, 0.2))
    predicts = predictor(network)
    told = watch(predicts, monkeypatch)

    (found,) = tiled(predicts).predict([draw((40, 90))], [{"cat"}])

    assert told == [{"cat"}, set(), set()]
    assert found.identified == ("cat",)


def test_an_image_without_tags_is_background() -> None:
    network = small_network(seed=1)
    passes = count_passes(network)

    (found,) = tiled(predictor(network)).predict([draw((61, 90))], [set()])

    assert (found.identified, dict(found.class_maps)) == ((), {})
    assert not found.label_map.any()
    assert (passes["decoder"], passes["encoder"]) == (
        0,
        6,
    )  # each tile is seen once, for its scores


def test_maps_that_nobody_wants_are_not_kept() -> None:
    image = draw((73, 101))
    small = image[:30, :30]
    kept, of_small = tiled().predict([image, small])
    left, left_of_small = tiled().predict([image, small], class_maps=False)

    np.testing.assert_array_equal(left.label_map, kept.label_map)
    assert left.identified == kept.identified == tuple(kept.class_maps)
    assert of_small.class_maps
    assert not left.class_maps
    assert not left_of_small.class_maps


def test_as_many_tiles_are_seen_together_as_images(monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []
    whole, scores = Predictor.predict, Predictor.scores

    def predicting(self: Predictor, images: Sequence[object], *rest: object, **named: object):  # type: ignore[no-untyped-def]
        together.append(len(images))
        return whole(self, images, *rest, **named)  # type: ignore[arg-type]

    def scoring(self: Predictor, images: Sequence[object]) -> torch.Tensor:
        together.append(-len(images))
        return scores(self, images)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "predict", predicting)
    monkeypatch.setattr(Predictor, "scores", scoring)
    most = 2 * 40 * 40
    monkeypatch.setattr(tiles, "batched", partial(batched, most=most))

    tiled().predict([draw((40, 130))], [{"cat"}])

    assert together == [0, -2, -2, 2, 2]  # no image is seen as a whole


def test_rows_of_tiles_are_shown() -> None:
    seen: list[int] = []

    def progress(rows: Sequence[int]) -> Sequence[int]:
        seen.append(len(rows))
        return rows

    watched = replace(tiled(), progress=progress)
    rows = len(plain_places(101, TILE))

    watched.predict([draw((101, 40)), draw((30, 30))])
    assert seen == [rows]
    watched.predict([draw((101, 40))], [{"cat"}])
    assert seen == [rows, rows, rows]  # the tiles are read twice


def test_a_model_sees_an_image_in_tiles() -> None:
    model, image = small_segmenter(seed=1), draw((73, 101))
    (expected,) = tiled(model.predictor()).predict([image])

    np.testing.assert_array_equal(model.predict(image, tile=TILE).label_map, expected.label_map)


def test_a_large_file_is_read_for_its_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_segmenter(seed=1)
    Image.fromarray(draw((73, 101))).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)

    with pytest.raises(DataError, match=r"large.png: not a readable image: more than 5000 pixels"):
        model.predict(tmp_path / "large.png")
    assert model.predict(tmp_path / "large.png", tile=TILE).label_map.shape == (73, 101)
    assert Image.MAX_IMAGE_PIXELS == 5000
    monkeypatch.setattr("decouplednet.inference.segmenter.MOST_PIXELS", 6000)
    with pytest.raises(DataError, match=r"large.png: not a readable image: more than 6000 pixels"):
        model.predict(tmp_path / "large.png", tile=TILE)


def test_it_is_a_predictor_of_its_model_s_classes() -> None:
    predicts = predictor(small_network(), others="background")

    assert tiled(predicts).classes is predicts.classes
    assert tiled(predicts).others == "background"


@pytest.mark.parametrize(
    ("tile", "shown"),
    [(31, "31"), (-40, "-40"), (True, "True"), (40.0, "40.0"), ("40", "'40'"), (None, "None")],
)
def test_a_tile_in_which_nothing_can_be_seen_is_refused(tile: Any, shown: str) -> None:
    message = f"tile = {shown}: expected a whole number of pixels, at least 32"
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        tiled(tile=tile)


def test_a_small_type_of_integer_is_a_number_like_others() -> None:
    image = draw((61, 300))
    (expected,) = tiled().predict([image])

    (found,) = tiled(tile=np.uint8(40)).predict([image])  # type: ignore[arg-type]  # as numpy gives

    np.testing.assert_array_equal(found.label_map, expected.label_map)


@pytest.mark.parametrize("shape", [(90, 90), (0, 90, 3), (90, 90, 4), ()])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    message = f"an image is (H, W, 3) uint8 with at least one pixel; this one is {shape} uint8"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        tiled().predict([np.zeros(shape, np.uint8)])


def test_a_tag_that_the_model_lacks_is_refused() -> None:
    with pytest.raises(DataError, match=r"zebra"):
        tiled().predict([draw((90, 90))], [{"zebra"}])


def test_a_network_that_is_no_good_is_told() -> None:
    network = small_network(seed=1)
    torch.nn.init.constant_(network.classifier.head.score.weight, float("nan"))

    with pytest.raises(ModelError, match=r"^the network's class scores are not finite"):
        tiled(predictor(network)).predict([draw((90, 90))])
