import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.errors import DataError, ModelError, SettingsError
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.tiles import OVERLAP, TiledPredictor, stretches
from tests.inference.small import NAMES, answer, small_network, small_segmenter
from tests.inference.test_predictor import count_passes, draw, predictor
from tests.networks.small import paper_parts

TILE = 40
LENGTHS = [(1, 40), (40, 40), (41, 40), (70, 40), (101, 40), (1003, 47), (5000, 333)]
SHADES = np.linspace(0, 255, 73 * 101 * 3).reshape(73, 101, 3).astype(np.uint8)


def tiled(predicts: Predictor | None = None, tile: int = TILE) -> TiledPredictor:
    return TiledPredictor(predictor=predicts or predictor(small_network(seed=1)), tile=tile)


def plain_places(length: int, tile: int) -> list[tuple[int, int]]:
    """Return the ends of tiles as the documentation says, in words of its own."""
    count = 1
    while length > tile + (count - 1) * (tile - tile // OVERLAP):
        count += 1
    side = min(tile, length)
    room = (length - side) / max(1, count - 1)
    return [(round(number * room), round(number * room) + side) for number in range(count)]


def plain_weight(pixel: int, ends: tuple[int, int], length: int, tile: int) -> float:
    """Return how much a tile counts at a pixel, before the weights are made to sum to 1."""
    first, after = ends
    if not first <= pixel < after:
        return 0.0
    to_ends = [float(tile // OVERLAP)]
    if first > 0:
        to_ends.append(pixel - first + 0.5)
    if after < length:
        to_ends.append(after - pixel - 0.5)
    return min(to_ends)


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


@pytest.mark.parametrize(("length", "tile"), LENGTHS)
def test_tiles_cover_a_side_evenly_and_their_weights_sum_to_one(length: int, tile: int) -> None:
    found = stretches(length, tile)
    total = np.zeros(length)
    for stretch in found:
        assert len(stretch.weights) == len(stretch.pixels) == min(length, tile)
        assert (stretch.weights > 0).all()
        total[stretch.part] += stretch.weights

    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert [(one.pixels.start, one.pixels.stop) for one in found] == plain_places(length, tile)
    overlaps = [one.pixels.stop - other.pixels.start for one, other in pairwise(found)]
    assert all(overlap >= tile // OVERLAP for overlap in overlaps)


def test_a_weight_falls_linearly_where_tiles_overlap() -> None:
    first, second, _ = stretches(100, 40)

    assert first.weights[:30].tolist() == [1.0] * 30
    np.testing.assert_allclose(first.weights[30:], np.arange(9.5, 0, -1) / 10, atol=1e-6)
    np.testing.assert_allclose(second.weights[:10], np.arange(0.5, 10) / 10, atol=1e-6)


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


def test_no_seam_is_seen_where_all_tiles_say_the_same() -> None:
    network = small_network(seed=1)
    answer(network, (0.9, 0.2, 0.8))
    _, decoder = paper_parts(network)
    torch.nn.init.zeros_(decoder.score.weight)

    (found,) = tiled(predictor(network)).predict([draw((131, 97))])

    assert found.identified == ("cat", "dog")
    for of_class in found.class_maps.values():
        np.testing.assert_allclose(of_class, of_class[0, 0], atol=1e-6)


def test_images_as_small_as_a_tile_are_predicted_together_as_a_whole() -> None:
    predicts = predictor(small_network(seed=1))
    images = [draw((40, 13)), draw((77, 40), seed=1), draw((11, 40), seed=2)]
    small, other = (predicts.predict([image])[0] for image in (images[0], images[2]))

    found = tiled(predicts).predict(images, [None, {"cat"}, None])

    np.testing.assert_array_equal(found[0].label_map, small.label_map)
    np.testing.assert_array_equal(found[2].label_map, other.label_map)
    assert found[1].label_map.shape == (77, 40)
    assert found[1].identified == ("cat",)


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
    predicts, image = predictor(small_network(seed=1), threshold=0.5), draw((61, 90))
    crops = [
        image[slice(*down), slice(*across)]
        for down in plain_places(61, TILE)
        for across in plain_places(90, TILE)
    ]
    scores = [predicts.predict([crop])[0].scores for crop in crops]
    names = {"cat", "dog"}
    expected = [{name for name in names if of_tile[name] > 0.5} for of_tile in scores]
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
    assert passes["decoder"] == 0


def test_maps_that_nobody_wants_are_not_kept() -> None:
    image = draw((73, 101))
    (kept,) = tiled().predict([image])
    (left,) = tiled().predict([image], class_maps=False)

    np.testing.assert_array_equal(left.label_map, kept.label_map)
    assert left.identified == kept.identified == tuple(kept.class_maps)
    assert not left.class_maps


def test_memory_does_not_grow_with_the_height_of_an_image() -> None:
    predicts = tiled(predictor(small_network(seed=1)))
    peaks = []
    for height in (300, 1500):
        image = draw((height, 90))
        tracemalloc.start()
        predicts.predict([image], class_maps=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    label_maps = 2 * 90 * (1500 - 300)  # the strips, and they in one
    assert peaks[1] - peaks[0] < label_maps + 100_000 < 1200 * 90 * 4  # the maps of one class


def test_rows_of_tiles_are_shown() -> None:
    seen: list[int] = []

    def progress(rows: Sequence[tuple[object, int]]) -> Sequence[tuple[object, int]]:
        seen.append(len(rows))
        return rows

    predicts = predictor(small_network(seed=1))
    TiledPredictor(predictor=predicts, tile=TILE, progress=progress).predict(  # type: ignore[arg-type]
        [draw((101, 40)), draw((30, 30))]
    )

    assert seen == [len(plain_places(101, TILE))]


def test_a_model_sees_an_image_in_tiles() -> None:
    model, image = small_segmenter(seed=1), draw((73, 101))
    (expected,) = tiled(model.predictor()).predict([image])

    np.testing.assert_array_equal(model.predict(image, tile=TILE).label_map, expected.label_map)


def test_a_tile_that_shows_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^tile = 31: expected at least 32 pixels$"):
        tiled(tile=31)


@pytest.mark.parametrize("shape", [(90, 90), (0, 90, 3), (90, 90, 4), ()])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"^an image is \(H, W, 3\) uint8 with at least one pixel"):
        tiled().predict([np.zeros(shape, np.uint8)])


def test_a_tag_that_the_model_lacks_is_refused() -> None:
    with pytest.raises(DataError, match=r"zebra"):
        tiled().predict([draw((90, 90))], [{"zebra"}])


def test_a_network_that_is_no_good_is_told() -> None:
    network = small_network(seed=1)
    torch.nn.init.constant_(network.classifier.head.score.weight, float("nan"))

    with pytest.raises(ModelError, match=r"^the network's class scores are not finite"):
        tiled(predictor(network)).predict([draw((90, 90))])
