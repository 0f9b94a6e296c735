import re

import numpy as np
import pytest

from decouplednet.classes import ClassList
from decouplednet.errors import SettingsError
from decouplednet.inference.certainty import LeastCertainty

CLASSES = ClassList(("cat", "cow", "dog"))


def test_a_pixel_is_kept_from_the_certainty_of_what_it_was_given_to() -> None:
    rng = np.random.default_rng(0)
    label_map = rng.integers(0, 4, (5, 7)).astype(np.uint8)
    sure = rng.random((5, 7)).astype(np.float32)
    least = {0: 0.25, 1: 0.5, 2: 0.0, 3: 0.75}

    unsure = LeastCertainty(0.25, {"cat": 0.5, "dog": 0.75}).unsure(label_map, sure, CLASSES)

    for row in range(5):
        for column in range(7):
            value = int(label_map[row, column])
            assert unsure[row, column] == (sure[row, column] < least[value])


def test_a_certainty_that_is_just_reached_is_enough() -> None:
    sure = np.full((1, 2), 0.7, np.float32)

    alike = LeastCertainty.alike(float(np.float32(0.7)), CLASSES)

    assert alike.of_class == dict.fromkeys(CLASSES, float(np.float32(0.7)))
    assert not alike.unsure(np.array([[0, 3]], np.uint8), sure, CLASSES).any()


@pytest.mark.parametrize(
    ("background", "of_class", "message"),
    [
        (1.5, {}, "certainty of background = 1.5: expected 0 to 1"),
        (0.5, {"cat": -0.1}, "certainty of cat = -0.1: expected 0 to 1"),
        (float("nan"), {}, "certainty of background = nan: expected 0 to 1"),
    ],
)
def test_what_is_no_share_is_refused(
    background: float, of_class: dict[str, float], message: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        LeastCertainty(background, of_class)
