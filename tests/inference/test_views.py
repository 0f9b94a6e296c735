"""Several views and the claims of classes, against predictions put together by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from decouplednet.classes import ClassList
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Calibration, Procedure
from tests.inference.small import NAMES, answer, small_frame, small_network
from tests.inference.test_predictor import draw, predictor
from tests.networks.small import small_network as network_that_sees_more

SIZE = (37, 53)


def _scores(one: Prediction) -> torch.Tensor:
    return torch.logit(torch.tensor([one.scores[name] for name in NAMES], dtype=torch.float64))


def _maps(one: Prediction) -> np.ndarray:
    return np.stack([one.background_map(), *one.class_maps.values()])


def test_a_flipped_view_is_averaged_with_the_upright_one() -> None:
    network, image = small_network(), draw(SIZE)
    tags = [{"cat", "dog"}]
    (upright,) = predictor(network).predict([image], tags)
    (mirrored,) = predictor(network).predict([np.ascontiguousarray(image[:, ::-1])], tags)

    (both,) = predictor(network, procedure=Procedure(flip=True)).predict([image], tags)

    # The weight of a given tag comes from the mean score, which moves f_cls by a factor alone.
    expected = (_maps(upright) + _maps(mirrored)[:, :, ::-1]) / 2
    np.testing.assert_allclose(_maps(both), expected, atol=0.02)


def test_the_scores_of_two_views_are_averaged() -> None:
    network, image = small_network(), draw(SIZE)
    alone = [predictor(network).scores([one]) for one in (image, image[:, ::-1])]

    both = predictor(network, procedure=Procedure(flip=True)).scores([image])

    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


def test_the_same_view_twice_changes_nothing() -> None:
    network, images = small_network(), [draw(SIZE), draw((64, 11), 1)]

    once = predictor(network).predict(images)
    twice = predictor(network, procedure=Procedure(scales=(1.0, 1.0))).predict(images)

    for one, other in zip(once, twice, strict=True):
        np.testing.assert_array_equal(one.label_map, other.label_map)
        assert one.scores == pytest.approx(dict(other.scores))


def test_a_scale_sees_the_image_in_a_frame_of_that_share() -> None:
    network, image = small_network(), draw(SIZE)
    larger = Predictor(
        network=network,
        classes=predictor(network).classes,
        frame=small_frame(96),
        device=torch.device("cpu"),
    )

    (scaled,) = predictor(network, procedure=Procedure(scales=(1.49,))).predict([image])
    (expected,) = larger.predict([image])

    np.testing.assert_array_equal(scaled.label_map, expected.label_map)
    assert scaled.scores == dict(expected.scores)


def test_no_view_is_smaller_than_what_the_head_sees_at_once() -> None:
    network = network_that_sees_more()
    seen: list[tuple[int, ...]] = []
    network.get_submodule("classifier.encoder").register_forward_hook(
        lambda _, given, __: seen.append(tuple(given[0].shape[2:]))
    )
    one = Predictor(
        network=network,
        classes=ClassList(tuple("abcde")),
        frame=small_frame(128),
        device=torch.device("cpu"),
        procedure=Procedure(scales=(1.0, 0.3, 0.01)),
    )

    one.predict([draw(SIZE)])

    assert seen == [(128, 128), (64, 64), (64, 64)]  # two positions of pool5


def test_a_soft_veto_multiplies_the_maps_of_less_probable_classes() -> None:
    network, image = small_network(), draw(SIZE)
    answer(network, (0.9, 0.1, 0.6))
    hard = predictor(network, threshold=0.3)
    soft = replace(hard, procedure=Procedure(veto="soft"))

    (one,), (other,) = hard.predict([image]), soft.predict([image])

    # Undo the normalisation to sum 1, weigh dog by 0.6 / 0.9, normalise again. Both are made at
    # the frame's size and resized after it, so a border pixel differs a little.
    maps = _maps(one) * np.array([1, 1, 0.6 / 0.9])[:, None, None]
    np.testing.assert_allclose(_maps(other), maps / maps.sum(0), atol=0.02)
    assert other.identified == ("cat", "dog")


def test_given_tags_are_not_weighed() -> None:
    network, image = small_network(), draw(SIZE)
    answer(network, (0.9, 0.1, 0.6))
    tags = [{"cat", "cow"}]
    hard = predictor(network)

    (one,) = hard.predict([image], tags)
    (other,) = replace(hard, procedure=Procedure(veto="soft")).predict([image], tags)

    np.testing.assert_array_equal(_maps(one), _maps(other))


def test_calibrated_probabilities_pass_the_gate_and_are_told() -> None:
    network, image = small_network(), draw(SIZE)
    answer(network, (0.5, 0.5, 0.5))
    calibration = Calibration(slope=(1.0, 1.0, 1.0), offset=(1.0, -1.0, 0.5))

    (told,) = predictor(network, procedure=Procedure(calibration=calibration)).predict([image])

    assert told.identified == ("cat", "dog")
    assert told.scores["cow"] == pytest.approx(1 / (1 + np.e))


def test_scores_are_those_before_the_calibration() -> None:
    network, images = small_network(), [draw(SIZE), draw((20, 90), 1)]
    calibration = Calibration(slope=(2.0, 3.0, 4.0), offset=(1.0, -1.0, 0.5))

    scores = predictor(network, procedure=Procedure(calibration=calibration)).scores(images)

    for row, told in zip(scores, predictor(network).predict(images), strict=True):
        torch.testing.assert_close(row.double(), _scores(told), rtol=1e-3, atol=1e-3)
