"""How alike maps are within a class and between classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Similarity:
    """Mean cosine similarities over pairs of different images; None where there is no pair.

    Args:
        within: over pairs of one class.
        between: over pairs of two classes.
        by_class: within each class, in the order of the class indices.
    """

    within: float | None
    between: float | None
    by_class: tuple[float | None, ...]


def similarity(
    maps: NDArray[np.floating],
    *,
    class_index: NDArray[np.integer],
    image_index: NDArray[np.integer],
    class_count: int,
) -> Similarity:
    """Compare every two maps that come from different images.

    Two maps of one image are left out: pool5 is the same for all classes of an image, so such
    pairs would count an image as similar to itself.

    Args:
        maps: (N, C, h, w) or (N, C); each map is compared as one long vector. A map of zeros has
            the similarity 0 to every other.
        class_index: (N,) class of each map, from 0.
        image_index: (N,) image of each map.
        class_count: L; every class index is below it.

    Returns:
        Means in [-1, 1]; in [0, 1] where no map has negative values, such as behind a ReLU.

    Source:
        PAPER.md, "Figures the system must be able to draw": within against between classes.
    """
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    flat = np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)
    cosine = flat @ flat.T
    same_class = class_index[:, None] == class_index[None, :]
    # Each pair once: the upper triangle; the diagonal goes with the pairs of one image.
    pair = np.triu(image_index[:, None] != image_index[None, :])
    return Similarity(
        within=_mean(cosine[pair & same_class]),
        between=_mean(cosine[pair & ~same_class]),
        by_class=tuple(
            _mean(cosine[pair & same_class & (class_index == index)[:, None]])
            for index in range(class_count)
        ),
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None
