"""Label maps of one network, with and without the veto, read pixel by pixel."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.classes import ClassList
from decouplednet.comparison.baselines.prediction import PixelPredictor, pixel_predictor
from decouplednet.errors import DataError, ModelError
from decouplednet.inference.reading import PredictsImages
from decouplednet.inference.views import FrameView
from tests.comparison.baselines.conftest import plan_of, small_one_network
from tests.inference.small import small_frame

NAMES = ("cat", "cow", "dog")


def predictor() -> PixelPredictor:
    return PixelPredictor(
        network=small_one_network().eval(),
        classes=ClassList(NAMES),
        others="background",
        views=(FrameView(small_frame(64), mirrored=False),),
        device=torch.device("cpu"),
    )


def picture(height: int = 37, width: int = 53, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


def probabilities(one: PixelPredictor, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (L + 1, H, W) of an image, by the frame's own way back."""
    frame = one.views[0].frame
    with torch.no_grad():
        score = one.network(frame.image(image)[None])
    size = image.shape[0], image.shape[1]
    restored = frame.restore(score.softmax(dim=1)[0], frame.place(size))
    return np.asarray(restored.numpy(), np.float32)


@pytest.mark.parametrize("tags", [None, ("dog",), ("cat", "dog"), ()])
def test_a_pixel_takes_the_most_probable_class_of_those_that_the_tags_allow(
    tags: tuple[str, ...] | None,
) -> None:
    one, image = predictor(), picture()
    (prediction,) = one.predict([image], [tags])

    probability = probabilities(one, image)
    allowed = NAMES if tags is None else tags
    for row, column in np.ndindex(37, 53):
        best, winner = probability[0, row, column], 0
        for place, name in enumerate(NAMES, 1):
            if name in allowed and probability[place, row, column] > best:
                best, winner = probability[place, row, column], place
        assert prediction.label_map[row, column] == winner


def test_the_random_network_gives_every_class_some_pixels() -> None:
    (prediction,) = predictor().predict([picture()])

    assert set(np.unique(prediction.label_map)) == {0, 1, 2, 3}


def test_the_score_of_a_class_is_its_largest_probability_whatever_the_tags_say() -> None:
    one, image = predictor(), picture()
    expected = probabilities(one, image)[1:].reshape(3, -1).max(axis=1)

    for tags in (None, [("cow",)]):
        (prediction,) = one.predict([image], tags)
        assert list(prediction.scores) == list(NAMES)
        np.testing.assert_allclose(list(prediction.scores.values()), expected, atol=1e-6)


def test_identified_are_the_tags_or_the_classes_that_win_a_pixel() -> None:
    one, image = predictor(), picture()

    found, told = one.predict([image, image], [None, ("dog", "cow")])

    assert found.identified == tuple(NAMES[i - 1] for i in np.unique(found.label_map) if i)
    assert told.identified == ("cow", "dog")


def test_maps_are_shared_out_among_background_and_the_identified_classes() -> None:
    one, image = predictor(), picture()
    probability = probabilities(one, image)

    (prediction,) = one.predict([image], [("cow", "cat")])

    total = probability[:3].sum(axis=0)
    assert list(prediction.class_maps) == ["cat", "cow"]
    np.testing.assert_allclose(prediction.class_maps["cow"], probability[2] / total, atol=1e-5)
    np.testing.assert_allclose(prediction.background_map(), probability[0] / total, atol=1e-5)
    assert one.predict([image], class_maps=False)[0].class_maps == {}


def test_probabilities_are_the_mean_over_scales_and_mirrored_views() -> None:
    one, image = predictor(), picture()
    views = [
        FrameView(small_frame(side), mirrored) for side in (64, 96) for mirrored in (False, True)
    ]
    expected = np.zeros((4, 37, 53))
    for side in (64, 96):
        alone = replace(one, views=(FrameView(small_frame(side), mirrored=False),))
        expected += probabilities(alone, image) / 4
        backwards = np.ascontiguousarray(image[:, ::-1])
        expected += probabilities(alone, backwards)[:, :, ::-1] / 4

    (told,) = replace(one, views=tuple(views)).predict([image], [NAMES])

    maps = np.stack([told.background_map(), *(told.class_maps[name] for name in NAMES)])
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    np.testing.assert_allclose(
        list(told.scores.values()), expected[1:].reshape(3, -1).max(axis=1), atol=1e-5
    )
    assert np.abs(maps - probabilities(one, image)).max() > 0.05


def test_a_run_predicts_in_the_views_of_its_settings(shapes: Path) -> None:
    changes = ("side=96", "prediction.flip=true", "prediction.scales=[1.0, 0.7, 0.1]")
    plan = plan_of(shapes, *changes)
    views = pixel_predictor(small_one_network(), plan).views

    seen = [(view.frame.side, view.mirrored) for view in views]
    assert seen == [(side, mirrored) for side in (96, 64, 32) for mirrored in (False, True)]
    network = small_one_network()
    network.stride = 64  # which the least side, 32, is no multiple of
    assert [view.frame.side for view in pixel_predictor(network, plan).views] == [
        128,
        128,
        *4 * [64],
    ]
    alone = pixel_predictor(small_one_network(), plan_of(shapes, "side=96")).views
    assert alone == (FrameView(plan.frame, mirrored=False),)


def test_images_of_several_sizes_are_predicted_as_each_by_itself() -> None:
    one, pictures = predictor(), [picture(), picture(61, 20, seed=1)]

    together = one.predict(pictures)

    for image, prediction in zip(pictures, together, strict=True):
        (alone,) = one.predict([image])
        assert prediction.label_map.shape == image.shape[:2]
        assert (alone.label_map != prediction.label_map).mean() < 0.01
    assert one.predict([]) == []


def test_it_can_be_scored_and_says_its_number_of_weights() -> None:
    one: PredictsImages = predictor()

    assert one.others == "background"
    assert one.classes.names == NAMES
    weights = [parameter.numel() for parameter in predictor().network.parameters()]
    assert predictor().parameters == sum(weights)


def test_the_network_keeps_its_mode() -> None:
    one = predictor()
    one.network.train()
    one.predict([picture()])

    assert one.network.get_submodule("decoder").training


def test_an_unknown_tag_and_a_network_that_is_not_finite_are_refused() -> None:
    one = predictor()

    with pytest.raises(DataError, match="there is no class 'cows'; did you mean 'cow'"):
        one.predict([picture()], [("cows",)])
    torch.nn.init.constant_(one.network.get_parameter("decoder.score.weight"), torch.nan)
    with pytest.raises(ModelError, match="the network's probabilities are not finite; compute wi"):
        one.predict([picture()])


def test_an_image_that_is_given_twice_is_computed_once() -> None:
    one, first, second, seen = predictor(), picture(), picture(21, 13, seed=1), list[int]()
    one.network.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))

    got = one.predict([first, second, first], [None, ("cow",), ("dog",)])

    assert seen == [2]
    for prediction, image, tags in zip(
        got, (first, second, first), (None, ("cow",), ("dog",)), strict=True
    ):
        (alone,) = one.predict([image], [tags])
        assert np.array_equal(prediction.label_map, alone.label_map)
