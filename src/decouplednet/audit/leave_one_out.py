"""A linear classifier that judges each image without having seen its tags."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.audit.features import FeatureTable

STRENGTHS = tuple(10.0**power for power in np.arange(-3, 2.51, 0.5).tolist())
"""Of the penalty, to choose from, as shares of the mean square of the features over all images."""


@dataclass(frozen=True, slots=True, eq=False)
class _Spectrum:
    """The features of N images in the directions in which they vary.

    Args:
        mean: (D,) of the features.
        scale: (D,) what they are divided by: their standard deviation; 1 where they do not vary.
        values: (D,) sum of squares along each direction, at least 0.
        directions: (D, D), a direction in each column.
        images: N.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    values: NDArray[np.float64]
    directions: NDArray[np.float64]
    images: int

    def chunks(self, features: FeatureTable) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield the features along the directions, (n, D), with the places of their images."""
        for places, rows in features.chunks():
            yield places, ((rows - self.mean) / self.scale) @ self.directions


def leave_one_out(features: FeatureTable, tags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what ridge regression says of each image that was fitted to all others.

    It is exact and takes one fit: where the fit to all images misses a tag by r, and the image's
    own tag has the share h in its fitted value, the fit to the others misses it by r / (1 - h).
    The constant is not penalised. The features are centred and scaled by all images, which knows
    no tag. Each class has the penalty, one of ``STRENGTHS``, with which the squares of what the
    others miss sum to least.

    Args:
        features: (N, D) of the images, N at least 2.
        tags: (N, L) 1 where the image has the tag, else 0.

    Returns:
        (N, L), mostly in [0, 1]: the larger, the more the class looks to be there.

    Source:
        Hoerl and Kennard, Ridge regression, 1970; Allen, The relationship between variable
        selection and data augmentation and a method for prediction, 1974 (PRESS).
    """
    spectrum = _spectrum(features)
    base = tags.mean(axis=0)
    along = np.zeros((len(spectrum.values), tags.shape[1]))
    for places, rows in spectrum.chunks(features):
        along += rows.T @ (tags[places] - base)
    shrunk = np.stack(
        [1 / (spectrum.values + strength * spectrum.images) for strength in STRENGTHS]
    )
    missed = np.zeros((len(STRENGTHS), tags.shape[1]))
    for places, rows in spectrum.chunks(features):
        for place, inverse in enumerate(shrunk):
            miss = _misses(rows, tags[places], base, along, inverse[:, None], spectrum.images)
            missed[place] += np.square(miss).sum(axis=0)
    chosen = shrunk[missed.argmin(axis=0)].T
    said = np.empty_like(tags)
    for places, rows in spectrum.chunks(features):
        miss = _misses(rows, tags[places], base, along, chosen, spectrum.images)
        said[places] = tags[places] - miss
    return said


def _misses(
    rows: NDArray[np.float64],
    tags: NDArray[np.float64],
    base: NDArray[np.float64],
    along: NDArray[np.float64],
    inverse: NDArray[np.float64],
    images: int,
) -> NDArray[np.float64]:
    """Return (n, L) by how much a fit to all other images misses each tag.

    Args:
        rows: (n, D) features along the directions.
        tags: (n, L).
        base: (L,) mean of the tags of all images.
        along: (D, L) sum over all images of feature times tag, the mean taken off.
        inverse: (D, L) or (D, 1), 1 over the sum of squares and the penalty.
        images: N.
    """
    fitted = base + rows @ (inverse * along)
    own = 1 / images + np.square(rows) @ inverse
    missed: NDArray[np.float64] = (tags - fitted) / np.maximum(1 - own, 1e-9)
    return missed


def _spectrum(features: FeatureTable) -> _Spectrum:
    count = features.row_count
    sums = [
        np.stack([rows.sum(axis=0), np.square(rows).sum(axis=0)]) for _, rows in features.chunks()
    ]
    total, squares = np.sum(sums, axis=0)
    mean = total / count
    variance = np.maximum(squares / count - np.square(mean), 0)
    scale = np.where(variance > 1e-12 * np.maximum(np.square(mean), 1e-12), np.sqrt(variance), 1.0)
    products = np.zeros((len(mean), len(mean)))
    for _, rows in features.chunks():
        centred = (rows - mean) / scale
        products += centred.T @ centred
    values, directions = np.linalg.eigh(products)
    return _Spectrum(mean, scale, np.maximum(values, 0), directions, count)
