"""How much each pixel of a map counts: those near the border of the foreground may count more."""

import torch.nn.functional as F
from torch import Tensor

from decouplednet.classes import IGNORE
from decouplednet.stage_settings import RegionSettings


def pixel_weights(target: Tensor, settings: RegionSettings) -> Tensor | None:
    """Return how much each pixel counts by the settings; None: all alike.

    Args:
        target: (M, H, W) uint8: 1 foreground, 0 background, 255 ignored.
        settings: the weight and the width of borders.
    """
    if settings.border_weight == 0:
        return None
    return border_weights(target, width=settings.border_width, weight=settings.border_weight)


def border_weights(target: Tensor, *, width: int, weight: float) -> Tensor:
    """Return 1 + ``weight`` for the pixels near a border between foreground and background.

    A pixel is near a border if the square of ``width`` pixels on each side of it holds a pixel of
    the other kind. Ignored pixels are of neither kind: across a border of ignored pixels, a pixel
    is near only if ``width`` reaches over them.

    Args:
        target: (M, H, W) uint8: 1 foreground, 0 background, 255 ignored.
        width: in pixels, at least 1.
        weight: what a pixel near a border counts more, at least 0.

    Returns:
        (M, H, W) float32: 0 ignored, 1, or 1 + ``weight``.
    """
    foreground, background = target == 1, target == 0
    near = (foreground & _grown(background, width)) | (background & _grown(foreground, width))
    return near * weight + (target != IGNORE).float()


def _grown(area: Tensor, width: int) -> Tensor:
    """Return the (M, H, W) bool pixels whose square of ``width`` on each side meets an area."""
    side = 2 * width + 1
    tall = F.max_pool2d(area.float(), (side, 1), stride=1, padding=(width, 0))
    return F.max_pool2d(tall, (1, side), stride=1, padding=(0, width)) > 0
