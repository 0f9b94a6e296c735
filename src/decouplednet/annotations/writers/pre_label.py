"""One image with its pre-label, as a tool is told of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.masks import check_mask, read_mask
from decouplednet.classes import ClassList
from decouplednet.errors import DataError


@dataclass(frozen=True, slots=True)
class PreLabel:
    """What a model made of one image of a data set.

    Args:
        number: place of the image among all of the data set, sorted by name, from 1.
        name: of the image, as tables of tags call it without extension.
        image: the image file.
        listed: its path under the folder of the images, with extension and ``/``.
        inside: its path under the data set's folder, likewise.
        size: (H, W) of the image as viewers show it, in pixels.
        mask: the PNG of its label map: ids of the data set's classes, 0 background, 255 where the
            model left pixels open.
        tags: classes that people said are on it; None: nobody said.
        confidence: of the whole image, in [0, 1].
        of_class: confidence of each class that was looked for, in [0, 1].
    """

    number: int
    name: str
    image: Path
    listed: str
    inside: str
    size: tuple[int, int]
    mask: Path
    tags: tuple[str, ...] | None
    confidence: float
    of_class: Mapping[str, float]

    def read(self, classes: ClassList) -> NDArray[np.uint8]:
        """Return the label map, (H, W) ids of ``classes``.

        Raises:
            DataError: the file is missing or damaged, or does not fit the image or the classes.
        """
        try:
            mask = read_mask(self.mask)
            # Open pixels and background alone are no black-and-white mask here.
            check_mask(mask, self.mask, self.size, len(classes), tags=frozenset())
        except DataError as fault:
            found = str(fault).removeprefix(f"{self.mask}: ").partition(";")[0]
            raise DataError(f"{self.mask}: {found}; remove it, and go on with --resume") from None
        return mask


Progress = Callable[[Sequence[PreLabel]], Iterable[PreLabel]]
"""Yields pre-labels and shows how far they are done."""
