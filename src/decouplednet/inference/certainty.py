"""How sure a network is of each pixel, and from where on its pixels are kept."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import BACKGROUND, ClassList
from decouplednet.errors import SettingsError
from decouplednet.inference.prediction import Prediction


def certainty(prediction: Prediction) -> NDArray[np.float32]:
    """Return the (H, W) largest value in [0, 1] over the maps of background and all classes.

    Args:
        prediction: with class maps.
    """
    largest = prediction.background_map()
    for class_map in prediction.class_maps.values():
        largest = np.maximum(largest, class_map)
    return largest


@dataclass(frozen=True, slots=True)
class LeastCertainty:
    """From which certainty a pixel is kept, by what it was given to.

    Args:
        background: of pixels that are background, in [0, 1].
        of_class: of pixels of each class, in [0, 1]; a class that is missing is always kept.

    Raises:
        SettingsError: a value is out of range.
    """

    background: float
    of_class: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for name, value in {"background": self.background, **self.of_class}.items():
            if not 0 <= value <= 1:
                raise SettingsError(f"certainty of {name} = {value!r}: expected 0 to 1")

    @classmethod
    def alike(cls, value: float, classes: ClassList) -> "LeastCertainty":
        """Return the same certainty for background and all classes."""
        return cls(value, dict.fromkeys(classes, value))

    def unsure(
        self, label_map: NDArray[np.uint8], sure: NDArray[np.float32], classes: ClassList
    ) -> NDArray[np.bool_]:
        """Return which pixels are not kept, (H, W).

        Args:
            label_map: (H, W) ids of ``classes``.
            sure: (H, W) the certainty of each pixel, in [0, 1].
            classes: of the model.
        """
        least = np.zeros(len(classes) + 1, np.float32)
        least[BACKGROUND] = self.background
        for index, name in enumerate(classes, start=1):
            least[index] = self.of_class.get(name, 0.0)
        below: NDArray[np.bool_] = sure < least[label_map]
        return below
