"""What tools call the classes of a data set, and pixels that the model left open."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import IGNORE, ClassList, colour_of
from decouplednet.errors import DataError

UNSURE = "unsure"
UNSURE_COLOUR = (224, 224, 192)
"""That of VOC's ignored outlines (VOC2012 development kit)."""


@dataclass(frozen=True, slots=True)
class Label:
    """A class as a tool knows it, or the label of open pixels.

    Args:
        number: from 1, in the order of the class list; that of open pixels comes last.
        value: what its pixels are in a label map: the class's id, or 255.
        name: of the class.
        colour: red, green and blue, 0 to 255.
    """

    number: int
    value: int
    name: str
    colour: tuple[int, int, int]

    @property
    def hexadecimal(self) -> str:
        """The colour as ``#rrggbb``."""
        return "#{:02x}{:02x}{:02x}".format(*self.colour)

    def area(self, label_map: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which pixels of a label map, (H, W), are the label's."""
        area: NDArray[np.bool_] = label_map == self.value
        return area

    def confidence(self, of_class: Mapping[str, float]) -> float | None:
        """Return the confidence of the class, in [0, 1]; None of open pixels."""
        return of_class.get(self.name)


def labels_of(classes: ClassList, *, unsure: bool) -> tuple[Label, ...]:
    """Return the labels of a tool.

    Args:
        classes: of the data set.
        unsure: whether open pixels have a label of their own. Without it they are given to
            nothing, as background is.

    Raises:
        DataError: a class has the name of that label.
    """
    labels = tuple(
        Label(index, index, name, colour_of(index)) for index, name in enumerate(classes, start=1)
    )
    if not unsure:
        return labels
    if UNSURE in classes:
        raise DataError(
            f"the class {UNSURE!r} has the name that open pixels get; leave them out with "
            "--unsure drop, or rename the class"
        )
    return (*labels, Label(len(classes) + 1, IGNORE, UNSURE, UNSURE_COLOUR))
