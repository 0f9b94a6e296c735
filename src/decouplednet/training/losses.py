"""The objectives: cross-entropy over tags, over positions of the head, and over pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.classes import IGNORE

LEAST_KNOWN = 0.5  # of the pixels of a cell, for its position to be taught


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


def position_loss(score_map: Tensor, mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the sigmoid cross-entropy of the class scores at each position of the head.

    The target of a class at a position is its share of the known pixels of the cell of pool5 that
    lies at the middle of what the position sees. Cells of which less than half is known count for
    nothing.

    Args:
        score_map: (B, L, h', w') scores before the pooling and the sigmoid.
        mask: (B, H, W) uint8: 0 background, 1 to L, 255 not known.
        grid: (h, w) of pool5, h' and w' or an even number larger: fc6 is not padded.

    Returns:
        scalar: for each image the mean over the classes and its known cells, then the mean over the
        images; an image without a known cell adds 0. The mean over two halves of a batch equals
        the batch's, so gradients can be accumulated.
    """
    share, known = cell_shares(mask, grid, score_map.shape[1])
    share, known = (_middle(cells, score_map.shape[2:]) for cells in (share, known))
    counted = (known >= LEAST_KNOWN).to(share)
    each = F.binary_cross_entropy_with_logits(score_map.float(), share, reduction="none")
    per_image = (each * counted).sum(dim=(1, 2, 3)) / counted.sum(dim=(1, 2, 3)).clamp(min=1)
    return per_image.mean() / score_map.shape[1]


def cell_shares(mask: Tensor, grid: tuple[int, int], class_count: int) -> tuple[Tensor, Tensor]:
    """Return how much of each cell of a grid is of each class, and how much is known.

    Args:
        mask: (B, H, W) uint8: 0 background, 1 to ``class_count``, 255 not known.
        grid: (h, w) cells; a pixel belongs to cell (row * h // H, column * w // W).
        class_count: L.

    Returns:
        (B, L, h, w) share of the known pixels, 0 in a cell without any; and (B, 1, h, w) share of
        the cell's pixels that are known. Both in [0, 1].
    """
    images, height, width = mask.shape
    rows = torch.arange(height, device=mask.device) * grid[0] // height
    columns = torch.arange(width, device=mask.device) * grid[1] // width
    cell = torch.arange(images, device=mask.device)[:, None, None] * grid[0] + rows[:, None]
    cell = cell * grid[1] + columns
    kinds = class_count + 2  # background first, not known last
    kind = torch.where(mask == IGNORE, kinds - 1, mask.long())
    pixels = torch.bincount(
        (cell * kinds + kind).flatten(), minlength=images * grid[0] * grid[1] * kinds
    )
    pixels = pixels.view(images, *grid, kinds).permute(0, 3, 1, 2)
    known = pixels[:, :-1].sum(dim=1, keepdim=True)
    return pixels[:, 1:-1] / known.clamp(min=1), known / pixels.sum(dim=1, keepdim=True).clamp(
        min=1
    )


def _middle(cells: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return the middle ``size`` cells of a (B, ..., h, w) grid."""
    top, left = (cells.shape[-2] - size[0]) // 2, (cells.shape[-1] - size[1]) // 2
    return cells[..., top : top + size[0], left : left + size[1]]


def mask_loss(score: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the cross-entropy of each map's pixels, averaged over maps.

    Args:
        score: (M, O, H, W) of background first, before the softmax; the paper's second and last
            is foreground.
        target: (M, H, W) uint8 below O, 0 background, or 255 ignored.
        weight: (M,) how much each map counts; None: all 1.

    Returns:
        scalar: for each map the mean over its pixels that are not ignored, times its weight, then
        the mean over the maps; a map of ignored pixels alone adds 0. The mean over two halves of a
        batch equals the batch's, so gradients can be accumulated.

    Source:
        PAPER.md, segmentation network: e_s, as softmax cross-entropy over the two channels.
    """
    each = F.cross_entropy(score.float(), target.long(), ignore_index=IGNORE, reduction="none")
    known = (target != IGNORE).sum(dim=(1, 2))
    per_map = each.sum(dim=(1, 2)) / known.clamp(min=1)
    return (per_map if weight is None else per_map * weight).mean()


def binary_iou(score: Tensor, target: Tensor) -> Tensor:
    """Return (2,) the pixels in intersection and in union of foreground, over all maps.

    Args:
        score: (M, 2, H, W) background and foreground.
        target: (M, H, W) uint8: 1 foreground, 0 background, 255 ignored.
    """
    said = (score.argmax(dim=1) == 1) & (target != IGNORE)
    true = target == 1
    return torch.stack([(said & true).sum(), (said | true).sum()])
