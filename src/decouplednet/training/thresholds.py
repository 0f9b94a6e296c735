"""From which probability each class is identified, chosen by tags that nothing learnt from."""

import torch
from torch import Tensor


def choose_thresholds(probability: Tensor, tags: Tensor, *, usual: float) -> tuple[float, ...]:
    """Return for each class the threshold that finds its tags best, by F1.

    F1 is 2 hits / (identified + present), over the images whose tag is known. Only what lies
    between two images makes a difference, so the threshold is the middle between their
    probabilities; of equally good ones it is the nearest to ``usual``.

    Args:
        probability: (N, L) in [0, 1].
        tags: (N, L) float: 1 present, 0 absent, NaN not known.
        usual: the threshold of a class that is never known to be present, or never to be absent.

    Returns:
        L thresholds in [0, 1]; a class is identified above its own.
    """
    return tuple(
        _choose(one[~given.isnan()].double(), given[~given.isnan()] == 1, usual)
        for one, given in zip(probability.T, tags.T, strict=True)
    )


def _choose(probability: Tensor, present: Tensor, usual: float) -> float:
    """Return the threshold of one class.

    Args:
        probability: (N,) of the images whose tag is known.
        present: (N,) bool, whether the class is there.
        usual: see ``choose_thresholds``.
    """
    if not present.any() or present.all():
        return usual
    falling, order = probability.sort(descending=True)
    identified = torch.arange(1, len(falling) + 1, device=falling.device)
    below = torch.cat([falling[1:], falling.new_zeros(1)])
    f1 = 2 * present[order].cumsum(dim=0) / (identified + present.sum())
    f1 = f1.where(falling > below, -1.0)  # no threshold parts images of one probability
    middle = (falling + below) / 2
    best = middle[f1 == f1.max()]
    return float(best[(best - usual).abs().argmin()])
