"""The two objectives: sigmoid cross-entropy over tags, softmax cross-entropy over pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.classes import IGNORE


def class_weights(tags: Tensor, largest: float) -> Tensor:
    """Return how much a present tag of each class counts against an absent one.

    The fewer images have a class, the more its present tags count: absent / present times, within
    [1, largest], so that it is found more often.

    Args:
        tags: (N, L) float: 1 present, 0 absent, NaN missing.
        largest: at most this weight; 1 leaves the classes unbalanced.

    Returns:
        (L,) float in [1, largest].
    """
    present = (tags == 1).sum(dim=0)
    absent = (tags == 0).sum(dim=0)
    return (absent / present.clamp(min=1)).clamp(1.0, largest)


def tag_loss(score: Tensor, tags: Tensor, weight: Tensor) -> Tensor:
    """Return the sigmoid cross-entropy of each image's tags, averaged over images.

    Args:
        score: (B, L) score of each class, before the sigmoid.
        tags: (B, L) float: 1 present, 0 absent, NaN missing; missing tags add nothing.
        weight: (L,) weight of a present tag, as from ``class_weights``.

    Returns:
        scalar: for each image the mean over its known tags, then the mean over the images. The
        mean over two halves of a batch equals the batch's, so gradients can be accumulated.

    Source:
        PAPER.md, classification network: e_c.
    """
    known = ~tags.isnan()
    each = F.binary_cross_entropy_with_logits(
        score.float(), tags.nan_to_num(0.0), pos_weight=weight, reduction="none"
    )
    per_image = (each * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
    return per_image.mean()


def mask_loss(score: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of each map's pixels, averaged over maps.

    Args:
        score: (M, O, H, W) of background first, before the softmax; the paper's second and last
            is foreground.
        target: (M, H, W) uint8 below O, 0 background, or 255 ignored.

    Returns:
        scalar: for each map the mean over its pixels that are not ignored, then the mean over
        the maps; a map of ignored pixels alone adds 0.

    Source:
        PAPER.md, segmentation network: e_s, as softmax cross-entropy over the two channels.
    """
    each = F.cross_entropy(score.float(), target.long(), ignore_index=IGNORE, reduction="none")
    counted = (target != IGNORE).sum(dim=(1, 2)).clamp(min=1)
    return (each.sum(dim=(1, 2)) / counted).mean()


def binary_iou(score: Tensor, target: Tensor) -> Tensor:
    """Return (2,) the pixels in intersection and in union of foreground, over all maps.

    Args:
        score: (M, 2, H, W) background and foreground.
        target: (M, H, W) uint8: 1 foreground, 0 background, 255 ignored.
    """
    said = (score.argmax(dim=1) == 1) & (target != IGNORE)
    true = target == 1
    return torch.stack([(said & true).sum(), (said | true).sum()])
