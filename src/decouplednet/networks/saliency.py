"""f_cls: how much each activation of pool5 matters to the classes asked for."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.networks.classification import HeadTrace, HeadWeights
from decouplednet.networks.image_index import of_maps
from decouplednet.networks.precision import full_precision


def tag_weights(probability: Tensor, asked: Tensor) -> Tensor:
    """Return how much each class weighs in f_cls: ``max(p, 0.5)`` where asked for, else 0.

    A class that somebody says is there must not be silenced by a low probability. A class that
    the classifier identified itself has p above 0.5, and so weighs p, as in the paper. Training
    and prediction both use this rule.

    Args:
        probability: (B, L) in [0, 1].
        asked: (B, L) bool, True where the class is asked for.

    Returns:
        (B, L) in {0} and [0.5, 1].

    Source: PAPER.md, bridging layers; the rule for given tags is our choice.
    """
    return torch.where(asked, probability.clamp(min=0.5), 0.0)


def class_saliency(
    seed: Tensor, image_index: Tensor, trace: HeadTrace, weights: HeadWeights
) -> Tensor:
    """Return f_cls of each map, by its closed form where the maximum was pooled.

    Maximum pooling sends the gradient of a class through one position, so the gradient is one
    row of the score layer taken back through fc7 and fc6 at that position, and fills what fc6's
    kernel sees from there. Each pair of image and class is computed once, however many maps ask for
    it. Other poolings send it through many positions and so take the transposed layers of the
    head. Always computed in the dtype of the weights, also under autocast.

    Args:
        seed: (M, L) weight of each class in each map, see ``tag_weights``; several labels of one
            map are summed, and a map without any is zero.
        image_index: (M,) int64, the image of each map, below B.
        trace: gates, peaks and shares of the B images.
        weights: the head's weights.

    Returns:
        (M, C, h, w), the gradient of ``(seed * score[image_index]).sum()`` with respect to pool5,
        for each map by itself; channels last.

    Source: PAPER.md, bridging layers; checked against autograd.
    """
    if trace.share is None:
        return _closed_form(seed, image_index, trace, weights)
    with full_precision(seed.device):
        mapped = _trace_of_maps(image_index, trace, trace.share)
        saliency = project_scores(seed.to(weights.score.dtype), mapped, weights)
    return saliency.contiguous(memory_format=torch.channels_last)


def _trace_of_maps(image_index: Tensor, trace: HeadTrace, share: Tensor) -> HeadTrace:
    """Return what the head decided for the image of each map."""
    return HeadTrace(
        *of_maps(image_index, trace.fc6_open, trace.fc7_open, trace.peak, trace.score_map, share)
    )


def _closed_form(
    seed: Tensor, image_index: Tensor, trace: HeadTrace, weights: HeadWeights
) -> Tensor:
    columns = trace.fc7_open.shape[3]
    taps = torch.arange(weights.fc6.shape[2], device=seed.device) * weights.dilation
    reach = (weights.fc6.shape[2] - 1) * weights.dilation
    height, width = trace.fc7_open.shape[2] + reach, columns + reach
    with full_precision(seed.device):
        maps, labels = seed.nonzero(as_tuple=True)
        pairs, pair = torch.unique(
            torch.stack([image_index[maps], labels]), dim=1, return_inverse=True
        )
        share = seed[maps, labels].to(weights.score.dtype)
        windows = _peak_windows(pairs[0], pairs[1], trace, weights)[pair] * share[:, None, None]

        peak = trace.peak[image_index[maps], labels]
        corner = maps * height * width + peak // columns * width + peak % columns
        places = corner[:, None] + (taps[:, None] * width + taps).flatten()
        grid = windows.new_zeros(seed.shape[0] * height * width, weights.fc6.shape[1])
        grid.index_add_(0, places.flatten(), windows.flatten(0, 1))
    return grid.view(seed.shape[0], height, width, grid.shape[1]).permute(0, 3, 1, 2)


def _peak_windows(image: Tensor, label: Tensor, trace: HeadTrace, weights: HeadWeights) -> Tensor:
    """Return (P, k * k, C): d score / d pool5 of P pairs of image and label, at their peaks."""
    position = trace.peak[image, label]
    fc7_open = trace.fc7_open.flatten(2)[image, :, position]
    fc6_open = trace.fc6_open.flatten(2)[image, :, position]
    fc7 = weights.score.flatten(1)[label] * fc7_open
    fc6 = _product(fc7, weights.fc7.flatten(1)) * fc6_open
    # No copy where channels come last.
    windows = _product(fc6, weights.fc6.permute(0, 2, 3, 1).flatten(1))
    channels, rows, columns = weights.fc6.shape[1:]
    return windows.view(len(image), rows * columns, channels)


def _product(rows: Tensor, weight: Tensor) -> Tensor:
    """Return the product in the type of the rows, computed in that of the weight."""
    return (rows.to(weight.dtype) @ weight).to(rows.dtype)


def project_scores(seed: Tensor, trace: HeadTrace, weights: HeadWeights) -> Tensor:
    """Return f_cls of one map per image by the transposed layers of the head.

    For maximum pooling slower than ``class_saliency`` and equal to it, but of fixed shapes, so it
    can be exported.

    Args:
        seed: (B, L) weight of each class, see ``tag_weights``.
        trace: gates, and peaks or shares, of the same B images.
        weights: the head's weights.

    Returns:
        (B, C, h, w), the gradient of ``(seed * score).sum()`` with respect to pool5.

    Source: PAPER.md, bridging layers and facts of the original release, f_cls.
    """
    scores = seed[..., None, None] * shares(trace, seed.dtype)
    fc7 = F.conv_transpose2d(scores, weights.score) * trace.fc7_open
    fc6 = F.conv_transpose2d(fc7, weights.fc7.to(seed.dtype)) * trace.fc6_open
    return F.conv_transpose2d(fc6, weights.fc6.to(seed.dtype), dilation=weights.dilation)


def shares(trace: HeadTrace, dtype: torch.dtype) -> Tensor:
    """Return (B, L, h', w'): how much of each pooled score comes from each position.

    Args:
        trace: of B images.
        dtype: of the result where all of a score comes from its peak.
    """
    if trace.share is not None:
        return trace.share
    at_peaks = torch.zeros_like(trace.score_map, dtype=dtype).flatten(2)
    return at_peaks.scatter(2, trace.peak[..., None], 1.0).view(trace.score_map.shape)


def saliency_by_autograd(
    seed: Tensor, image_index: Tensor, pool5: Tensor, head: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return f_cls of each map by differentiating the head: slow, for checks of the other forms.

    Args:
        seed: (M, L) weight of each class in each map, held constant.
        image_index: (M,) int64, the image of each map, below B.
        pool5: (B, C, h, w) activations.
        head: (M, C, h, w) to (M, L) scores; in evaluation mode, so that dropout does not act.

    Returns:
        (M, C, h, w) gradient of the weighted scores of each map with respect to its pool5.
    """
    with torch.enable_grad():
        mapped = pool5.detach()[image_index].requires_grad_()
        total = (seed.detach() * head(mapped)).sum()
        (gradient,) = torch.autograd.grad(total, mapped)
    return gradient
