"""Which channel of the activation map stands for a class."""

import numpy as np
from numpy.typing import NDArray

# A channel that hardly moves is divided by this share of the liveliest channel's spread, so that it
# cannot win by numerical noise.
LEAST_SPREAD = 0.01


def separation(response: NDArray[np.floating], belongs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how well each channel tells one class from the others.

    The mean response over the maps of the class, minus the mean over the maps of the other
    classes, divided by the spread: the root of the mean of the two variances.

    Args:
        response: (N, C) mean of each channel of g over its positions, one row for each map.
        belongs: (N,) True where the map belongs to the class; at least one does. Where all do,
            there is nothing to tell apart and the response is compared with zero.

    Returns:
        (C,) separation in units of the spread; 0 for a channel that is the same everywhere.

    Source:
        The sensitivity index d' of signal detection. PAPER.md leaves the channel to be defined.
    """
    inside = response[belongs].astype(np.float64)
    outside = response[~belongs].astype(np.float64)
    if not len(outside):
        outside = np.zeros((1, response.shape[1]))
    difference = inside.mean(axis=0) - outside.mean(axis=0)
    spread = np.sqrt((inside.var(axis=0) + outside.var(axis=0)) / 2)
    spread = np.maximum(spread, LEAST_SPREAD * spread.max())
    separated: NDArray[np.float64] = np.zeros_like(difference)
    np.divide(difference, spread, out=separated, where=spread > 0)
    return separated


def representative_channel(response: NDArray[np.floating], belongs: NDArray[np.bool_]) -> int:
    """Return the channel with the largest ``separation``; of equals the first.

    Args:
        response: (N, C) as in ``separation``.
        belongs: (N,) as in ``separation``.
    """
    return int(separation(response, belongs).argmax())
