"""Class maps drawn to the edges of their image: the guided filter."""

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA = 0.299, 0.587, 0.114  # of R, G and B in grey, ITU-R BT.601


def radius_in_pixels(share: float, size: tuple[int, int]) -> int:
    """Return how far an edge draws a border, in pixels, at least 1.

    Args:
        share: of the image's long side.
        size: (H, W) of the image.
    """
    return max(1, round(share * max(size)))


def reach(radius: int) -> int:
    """Return how many pixels away a pixel may lie that has a part in another one's result.

    A pixel takes the mean of the lines of squares ``radius`` away, which reach as far again.
    """
    return 2 * radius


def refine(maps: Tensor, image: Tensor, *, radius: int, contrast: float) -> Tensor:
    """Return class maps whose borders follow the edges of the image near them.

    Args:
        maps: (K, H, W) float in [0, 1], summing to 1 in each pixel.
        image: (H, W, 3) uint8 RGB, on the device of the maps.
        radius: how far an edge draws a border, in pixels, at least 1.
        contrast: difference of grey levels in [0, 1] that is an edge; where the image has less,
            maps are smoothed.

    Returns:
        (K, H, W) of the same type in [0, 1], summing to 1 in each pixel.
    """
    weights = torch.tensor(_LUMA, dtype=torch.float64, device=maps.device)
    guide = (image.double() / 255) @ weights
    filtered = guided_filter(maps.double(), guide, radius=radius, epsilon=contrast**2)
    inside = filtered.clamp(min=0)
    return (inside / inside.sum(dim=0)).to(maps.dtype)


def guided_filter(maps: Tensor, guide: Tensor, *, radius: int, epsilon: float) -> Tensor:
    """Return maps that are, in each square, the line in the guide that is nearest to them.

    Each pixel lies in several squares, and takes the mean of their lines. Squares end at the
    border of the image.

    Args:
        maps: (K, H, W) float64.
        guide: (H, W) float64.
        radius: a square reaches so many pixels to each side of its middle, at least 1.
        epsilon: how much a steep line costs, above 0, in the guide's units squared.

    Returns:
        (K, H, W); constant maps and sums of maps are kept.

    Source:
        He, Sun and Tang, "Guided Image Filtering", ECCV 2010, with a guide of one channel.
    """
    mean = _box_mean(guide, radius)
    variance = _box_mean(guide * guide, radius) - mean * mean
    filtered = torch.empty_like(maps)
    for place, one in enumerate(maps):  # one by one: photographs are large
        mean_of_one = _box_mean(one, radius)
        covariance = _box_mean(guide * one, radius) - mean * mean_of_one
        slope = covariance / (variance + epsilon)
        offset = mean_of_one - slope * mean
        filtered[place] = _box_mean(slope, radius) * guide + _box_mean(offset, radius)
    return filtered


def _box_mean(values: Tensor, radius: int) -> Tensor:
    """Return the (H, W) means over the squares around all pixels, as far as they lie inside."""
    for dimension in (0, 1):
        along = values.movedim(dimension, 1)
        total = F.pad(along.cumsum(dim=1), (1, 0))
        place = torch.arange(along.shape[1], device=values.device)
        first = (place - radius).clamp(min=0)
        after = (place + radius + 1).clamp(max=along.shape[1])
        means = (total[:, after] - total[:, first]) / (after - first)
        values = means.movedim(1, dimension)
    return values
