"""How many images or maps the CPU computes together: more take memory and are no faster."""

import torch

PIXELS_AT_ONCE = 320 * 320
"""Of all that the CPU encodes or decodes together for prediction: one image or map in the paper's
frame. Around the first convolutions several times 64 numbers are held for each pixel."""


def at_once(count: int, height: int, width: int, device: torch.device) -> int:
    """Return how many of ``count`` images or maps to compute together, at least 1.

    Args:
        count: of them.
        height: of each, in pixels.
        width: likewise.
        device: where; all at once but on the CPU.
    """
    if device.type != "cpu":
        return max(1, count)
    return max(1, min(count, PIXELS_AT_ONCE // (height * width)))
