"""One reading per pixel out of the maps of all passes: the last step of the paper's inference."""

import torch
from torch import Tensor


def normalise(background: Tensor, foreground: Tensor) -> Tensor:
    """Return the maps of background and the identified classes, summing to 1 in each pixel.

    Args:
        background: (H, W) in [0, 1], M_b of the pass that asked for all identified classes
            together; of the only pass when one class is identified.
        foreground: (K, H, W) in [0, 1], M_f of the pass that asked for each class alone; K may
            be 0.

    Returns:
        (K + 1, H, W) in [0, 1], background first. A pixel that no map claims, all being 0, is
        background.

    Source:
        Fusion in the facts of the original release (see PAPER.md).
    """
    maps = torch.cat([background[None], foreground])
    total = maps.sum(dim=0)
    unclaimed = total == 0
    # Underflow in every softmax leaves 0 / 0; background is what a pixel is without evidence.
    maps[0] = torch.where(unclaimed, torch.ones_like(total), maps[0])
    return maps / torch.where(unclaimed, torch.ones_like(total), total)


def fuse_class_maps(background: Tensor, foreground: Tensor) -> Tensor:
    """Return the winner of each pixel among background and the identified classes.

    Args:
        background: (H, W) in [0, 1], M_b of the pass that asked for all identified classes
            together.
        foreground: (K, H, W) in [0, 1], M_f of the pass that asked for each class alone; K may
            be 0.

    Returns:
        (H, W) uint8: 0 background, k the k-th identified class. A tie goes to the lower index.

    Source:
        Hong, Noh and Han, NIPS 2015, section on inference (see PAPER.md).
    """
    # On the CPU, argmax over the first dimension takes twelve times as long for four maps.
    highest = background.clone()
    winner = torch.zeros_like(background, dtype=torch.uint8)
    for place, class_map in enumerate(foreground, start=1):
        winner.masked_fill_(class_map > highest, place)
        torch.maximum(highest, class_map, out=highest)
    return winner
