"""Where a network is sure of images without masks, and what it loses against that."""

import torch.nn.functional as F
from torch import Tensor

from decouplednet.classes import IGNORE


def sure_classes(score: Tensor, seen: Tensor, threshold: float) -> Tensor:
    """Return the class of each pixel where the network is sure of it, 255 elsewhere.

    Args:
        score: (B, L + 1, H, W) before the softmax, background first.
        seen: (B, H, W) bool, False in the padding.
        threshold: least probability of a class to be sure of, in [0, 1].

    Returns:
        (B, H, W) int64.
    """
    probability, label = score.float().softmax(dim=1).max(dim=1)
    return label.masked_fill((probability < threshold) | ~seen, IGNORE)


def sure_loss(score: Tensor, target: Tensor, seen: Tensor) -> Tensor:
    """Return the cross-entropy against these classes, over all pixels of the images' content.

    A pixel that nobody is sure of adds nothing and still counts, so the fewer the network is sure
    of, the less they weigh.

    Args:
        score: (B, L + 1, H, W) before the softmax, background first.
        target: (B, H, W) int64 as from ``sure_classes``.
        seen: (B, H, W) bool, False in the padding.

    Returns:
        scalar: for each image the sum over sure pixels by the number of pixels seen, then the mean
        over the images.

    Source:
        The published UniMatch divides by all pixels that are not padding (its repository, issue
        19). Differs: for each image by itself, so that the steps of an update can be accumulated.
    """
    each = F.cross_entropy(score.float(), target, ignore_index=IGNORE, reduction="none")
    return (each.sum(dim=(1, 2)) / seen.sum(dim=(1, 2)).clamp(min=1)).mean()
