import numpy as np
import pytest

from decouplednet.classes import ClassList
from decouplednet.inference.certainty import certainty
from decouplednet.inference.prediction import Prediction
from decouplednet.prelabel.confidence import confidences, image_confidence

CLASSES = ClassList(("cat", "cow", "dog"))


def prediction(seed: int) -> tuple[Prediction, np.ndarray]:
    """Return a prediction of cow and dog, and its maps, background first."""
    maps = np.random.default_rng(seed).dirichlet((0.7, 0.5, 0.3), (5, 7)).transpose(2, 0, 1)
    named = {"cow": maps[1].astype(np.float32), "dog": maps[2].astype(np.float32)}
    label_map = np.array([0, 2, 3], np.uint8)[maps.argmax(axis=0)]
    return Prediction(label_map, named, dict.fromkeys(CLASSES, 0.5), ("cow", "dog")), maps


@pytest.mark.parametrize("seed", range(3))
def test_a_confidence_is_the_mean_of_the_winning_value_over_the_pixels_of_the_class(
    seed: int,
) -> None:
    predicted, maps = prediction(seed)

    found = confidences(predicted, certainty(predicted), CLASSES)

    assert [*found] == ["background", "cow", "dog"]
    for name, value in zip(found, (0, 2, 3), strict=True):
        won = [
            float(maps[:, row, column].max())
            for row in range(5)
            for column in range(7)
            if predicted.label_map[row, column] == value
        ]
        assert won
        assert found[name] == pytest.approx(sum(won) / len(won), abs=1e-6)


def test_a_class_without_a_pixel_has_none() -> None:
    maps = {"cow": np.full((2, 3), 0.25, np.float32), "dog": np.zeros((2, 3), np.float32)}
    predicted = Prediction(np.zeros((2, 3), np.uint8), maps, {}, ("cow", "dog"))

    found = confidences(predicted, certainty(predicted), CLASSES)

    assert found == pytest.approx({"background": 0.75, "cow": 0.0, "dog": 0.0})


def test_nothing_looked_for_leaves_background_alone() -> None:
    predicted = Prediction(np.zeros((2, 3), np.uint8), {}, {}, ())

    assert confidences(predicted, certainty(predicted), CLASSES) == {"background": 1.0}


def test_that_of_an_image_is_the_mean_over_background_and_its_classes() -> None:
    assert image_confidence({"background": 0.75, "cow": 0.5, "dog": 0.25}) == 0.5
    assert image_confidence({"background": 0.75}) == 0.75
