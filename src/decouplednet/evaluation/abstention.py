"""Which pixels of label maps are accepted, so that a wanted share of them is right.

A pixel is accepted where its certainty reaches the threshold of the class that won it; the others
are left open. The thresholds are chosen on held-out masks, and what they give is measured on
others of them. Only counts are kept of an image: how many pixels each class won at which level of
certainty, and how many of them were right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import IGNORE

LEVELS: NDArray[np.float32] = np.append(
    0, np.round(1 / (1 + np.exp(-np.linspace(-3, 8, 221))), 5)
).astype(np.float32)
"""(T,) thresholds to choose from, ascending: 0, then equal steps of log odds from 0.05 to 0.9997.

Trained networks are mostly so sure that even steps of certainty would leave nothing to choose."""

FEWEST_IMAGES = 10
"""A class has a threshold of its own where it won pixels in so many held-out images at least."""
FEWEST_PIXELS = 1000
"""The pixels that it must have won in them together."""
ERRORS = 1.0
"""Standard errors by which the share that was right must be above the one that is asked for.

Of thresholds from 30 masks of voc-animals for 0.95, on other images and averaged over 30 draws:
with 0 errors 0.940 of the accepted pixels were right, with 1 it was 0.955, and a twentieth fewer
were accepted; see docs/explanation/abstention.md."""
FOLDS = 5
"""Groups of images, each of which is checked with thresholds that the others gave."""
NONE_ACCEPTED = len(LEVELS)


@dataclass(frozen=True, slots=True, eq=False)
class ImageCounts:
    """The pixels of one image that count, by the class that won them and their certainty.

    Args:
        labels: (k,) uint8 indices of the classes that won pixels, 0 being background.
        won: (k, T) pixels that each won, from ``LEVELS`` on to the next of them.
        right: (k, T) those of them whose mask says the same class.
    """

    labels: NDArray[np.uint8]
    won: NDArray[np.int64]
    right: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The level from which pixels are accepted.

    Args:
        levels: (L + 1,) of background and each class, places in ``LEVELS``; ``NONE_ACCEPTED``
            where no level is sure enough.
        own: (L + 1,) bool, whether it was chosen by the pixels of the class alone.
        common: the level chosen by the pixels of all classes, which the others have.
    """

    levels: NDArray[np.int64]
    own: NDArray[np.bool_]
    common: int


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What thresholds gave on images that had no part in choosing them.

    Args:
        right: (L + 1,) accepted pixels of background and each class that were right.
        accepted: (L + 1,) accepted pixels that each won.
        won: (L + 1,) all pixels that each won.
    """

    right: NDArray[np.int64]
    accepted: NDArray[np.int64]
    won: NDArray[np.int64]


def count_image(
    label_map: NDArray[np.uint8], certainty: NDArray[np.float32], truth: NDArray[np.uint8]
) -> ImageCounts:
    """Return the counts of one image.

    Args:
        label_map: (H, W) predicted index of each pixel.
        certainty: (H, W) in [0, 1] of each pixel.
        truth: (H, W) index of its mask, 255 left out.

    Raises:
        ValueError: the shapes differ.
    """
    _check_shapes(label_map, certainty)
    _check_shapes(label_map, truth)
    counted = truth != IGNORE
    winner = label_map[counted]
    level = np.searchsorted(LEVELS, certainty[counted], side="right") - 1
    labels, place = np.unique(winner, return_inverse=True)
    cell = place.ravel() * len(LEVELS) + level
    shape = (len(labels), len(LEVELS))
    right = winner == truth[counted]
    won, of_right = (
        np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64)
        for cells in (cell, cell[right])
    )
    return ImageCounts(labels, won, of_right)


def choose(counts: Sequence[ImageCounts], class_count: int, accuracy: float) -> Choice:
    """Return the lowest level of each class from which its pixels are right often enough.

    Pixels of one image are right and wrong together, so that what counts is how many images there
    are: the share that is right must be ``ERRORS`` standard errors over images above ``accuracy``.
    A class without ``FEWEST_PIXELS`` in ``FEWEST_IMAGES`` images has the level that the pixels of
    all classes give.

    Args:
        counts: of held-out images, at least two.
        class_count: L.
        accuracy: wanted share of the accepted pixels that are right, in (0, 1).
    """
    every = [(one.won.sum(axis=0), one.right.sum(axis=0)) for one in counts]
    common = _lowest(every, accuracy)
    levels, own = np.full(class_count + 1, common), np.zeros(class_count + 1, bool)
    for label in range(class_count + 1):
        its = [
            (one.won[place], one.right[place])
            for one in counts
            for place in np.flatnonzero(one.labels == label)
        ]
        if len(its) >= FEWEST_IMAGES and sum(int(won.sum()) for won, _ in its) >= FEWEST_PIXELS:
            levels[label], own[label] = _lowest(its, accuracy), True
    return Choice(levels, own, common)


def cross_fitted(
    counts: Sequence[ImageCounts], class_count: int, accuracy: float, *, folds: int, seed: int
) -> Outcome:
    """Return what ``choose`` gives on images that it has not seen.

    The images are parted into folds at random; the pixels of each are accepted by the levels that
    the other folds give, and all folds are counted together.

    Args:
        counts: of held-out images, at least three.
        class_count: L.
        accuracy: as for ``choose``.
        folds: at least two; as many as images at most.
        seed: parts the images.
    """
    order = np.random.default_rng(seed).permutation(len(counts))
    total = np.zeros((3, class_count + 1), np.int64)
    for fold in range(min(folds, len(counts))):
        checked = set(order[fold::folds].tolist())
        others = [one for place, one in enumerate(counts) if place not in checked]
        levels = choose(others, class_count, accuracy).levels
        for place in checked:
            total += _accepted(counts[place], levels)
    return Outcome(*total)


def share_right(right: NDArray[np.int64], accepted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return which share of the accepted pixels is right; 0 where none is accepted.

    Args:
        right: numbers of pixels, of any shape.
        accepted: of the same shape, at least ``right``.
    """
    share: NDArray[np.float64] = right / np.maximum(accepted, 1)
    return share


def lowest_reaching(shares: NDArray[np.float64], wanted: float) -> int | None:
    """Return the first place of a row of shares that reaches a wanted one; None: none does.

    >>> lowest_reaching(np.array([0.8, 0.96, 0.94]), 0.95), lowest_reaching(np.zeros(2), 0.5)
    (1, None)
    """
    reaching = np.flatnonzero(shares >= wanted)
    return int(reaching[0]) if reaching.size else None


def sure_share(won: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a share of right pixels, at each of T levels, that other images should reach.

    It is ``ERRORS`` standard errors below the share over all images. The error is that of a ratio
    of two sums over images: the root of N / (N - 1) times the sum of the squares of
    ``right - share * won``, divided by the pixels of all images.

    Args:
        won: (N, T) accepted pixels of each image, N at least 2.
        right: (N, T) those of them that are right.

    Returns:
        (T,); 0 where fewer than ``FEWEST_IMAGES`` images, or than all of fewer, have an accepted
        pixel, since a few images that happen to be right say nothing.

    Source:
        Cochran, Sampling Techniques, 1977: variance of a ratio estimate, clusters being images.
    """
    images, pixels = len(won), won.sum(axis=0)
    share = share_right(right.sum(axis=0), pixels)
    squares = np.square(right - share * won).sum(axis=0)
    error = np.sqrt(squares * images / (images - 1)) / np.maximum(pixels, 1)
    enough = (won > 0).sum(axis=0) >= min(FEWEST_IMAGES, images)
    return np.where(enough, share - ERRORS * error, 0.0)


def abstain(
    label_map: NDArray[np.uint8],
    certainty: NDArray[np.float32],
    thresholds: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Return a label map with 255 where the pixel's certainty is below the threshold of its class.

    Args:
        label_map: (H, W) predicted index of each pixel, 0 to L.
        certainty: (H, W) in [0, 1], as from ``Prediction.certainty``.
        thresholds: (L + 1,) of background and each class, as from ``Abstention.table``.

    Raises:
        ValueError: the shapes differ.

    >>> labels, sure = np.array([[0, 1, 1]], np.uint8), np.array([[0.5, 0.6, 0.9]], np.float32)
    >>> abstain(labels, sure, np.array([0.4, 0.8], np.float32)).tolist()
    [[0, 255, 1]]
    """
    _check_shapes(label_map, certainty)
    kept = label_map.copy()
    kept[certainty < thresholds[label_map]] = IGNORE
    return kept


def _check_shapes(label_map: NDArray[np.uint8], other: NDArray[np.generic]) -> None:
    if label_map.shape != other.shape:
        raise ValueError(f"label map {label_map.shape} and {other.shape} differ in (H, W)")


def _lowest(counts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], accuracy: float) -> int:
    """Return the lowest level that is sure enough, see ``choose``.

    Args:
        counts: of each image, (T,) won and (T,) right pixels by their level.
        accuracy: wanted share.
    """
    if len(counts) < 2:
        return NONE_ACCEPTED
    won, right = (_from_each_on(np.stack(arrays)) for arrays in zip(*counts, strict=True))
    level = lowest_reaching(sure_share(won, right), accuracy)
    return NONE_ACCEPTED if level is None else level


def _from_each_on(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pixels (..., T) at each level or above."""
    summed: NDArray[np.int64] = counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
    return summed


def _accepted(counts: ImageCounts, levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (3, L + 1): right accepted, accepted, and all pixels of an image by their class."""
    total = np.zeros((3, len(levels)), np.int64)
    for label, won, right in zip(counts.labels.tolist(), counts.won, counts.right, strict=True):
        start = levels[label]
        total[:, label] = right[start:].sum(), won[start:].sum(), won.sum()
    return total
