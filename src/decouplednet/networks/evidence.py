"""Class evidence: where the classes asked for score highest, and where a rival does."""

import torch
import torch.nn.functional as F
from torch import Tensor

EVIDENCE_MAPS = 2
_LARGEST = 8.0  # a score beyond it says no more: its probability is 0.9997
_UNIT = 4.0


def class_evidence(
    asked: Tensor, score_map: Tensor, size: tuple[int, int], present: Tensor | None = None
) -> Tensor:
    """Return the highest score at each position of the classes asked for, and of their rivals.

    The decoder knows no classes. f_cls shows it what matters to the class asked for; this shows
    it where another class is the likelier one. A class that is known not to be on the image is no
    rival, however high the network scores it: the tags of a dog rule out the cat it resembles.

    Args:
        asked: (M, L) bool, the classes asked for in each map.
        score_map: (M, L, h', w') score of each class at each position of the head.
        size: (h, w) of the pool5 grid.
        present: (M, L) bool, the classes that may be on the image of each map; None: all.

    Returns:
        (M, 2, h, w) in [-2, 2]: scores are cut at 8 either way and divided by 4; a map without
        any such class is -2. Positions that the head's kernel does not reach repeat the nearest.
    """
    chosen = asked[..., None, None]
    rivals = ~chosen if present is None else present[..., None, None] & ~chosen
    maps = torch.stack([_highest(score_map, chosen), _highest(score_map, rivals)], dim=1)
    rows, columns = (whole - part for whole, part in zip(size, maps.shape[2:], strict=True))
    top, left = rows // 2, columns // 2
    return F.pad(maps, (left, columns - left, top, rows - top), mode="replicate")


def _highest(score_map: Tensor, chosen: Tensor) -> Tensor:
    """Return (M, h', w'): the highest score of the chosen classes, cut and divided."""
    highest = score_map.masked_fill(~chosen, -_LARGEST).amax(dim=1)
    return highest.clamp(-_LARGEST, _LARGEST) / _UNIT
