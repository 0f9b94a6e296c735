"""The fastest convolutions of this machine: what everything else is measured against."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from decouplednet.networks.precision import mixed_precision
from decouplednet.networks.quantisation import byte_convolution

SHAPES = ((4, 64, 160), (4, 128, 80), (4, 256, 40), (4, 512, 20))
"""(B, C, side) of 3 x 3 convolutions from C to C channels, as in the second to fifth group of
VGG-16 at 320 pixels."""


def operations(batch: int, channels: int, side: int) -> float:
    """Return the FLOP of a 3 x 3 convolution from C to C channels, a multiply-add counted as two.

    >>> operations(1, 2, 3)
    648.0
    """
    return 2.0 * batch * side * side * channels * channels * 9


def convolutions(
    device: torch.device, precision: torch.dtype | None
) -> dict[str, tuple[Callable[[], object], float]]:
    """Return 3 x 3 convolutions in channels-last memory, and the FLOP of each, by name.

    Args:
        device: where.
        precision: type of the products; None for float32, ``torch.int8`` for bytes in and out.
    """
    return {
        f"3x3 {channels} at {side}": (
            _of_bytes(batch, channels, side)
            if precision is torch.int8
            else _convolution(batch, channels, side, device, precision),
            operations(batch, channels, side),
        )
        for batch, channels, side in SHAPES
    }


def _of_bytes(batch: int, channels: int, side: int) -> Callable[[], object]:
    """Return a convolution and its ReLU on bytes, as those between two ranges are computed."""
    weight, bias = torch.randn(channels, channels, 3, 3), torch.zeros(channels)
    layer = byte_convolution(weight, bias, padding=1, comes=1.0, goes=1.0)
    x = torch.randint(256, (batch, channels, side, side), dtype=torch.uint8)
    x = x.contiguous(memory_format=torch.channels_last)

    def convolve() -> object:
        with torch.inference_mode():
            return layer(x)

    return convolve


def _convolution(
    batch: int, channels: int, side: int, device: torch.device, precision: torch.dtype | None
) -> Callable[[], object]:
    like = {"device": device, "dtype": precision or torch.float32}
    x = torch.randn(batch, channels, side, side, **like)  # type: ignore[call-overload]
    weight = torch.randn(channels, channels, 3, 3, **like)  # type: ignore[call-overload]
    x, weight = (one.contiguous(memory_format=torch.channels_last) for one in (x, weight))

    def convolve() -> object:
        with torch.inference_mode(), mixed_precision(device, None):
            return F.conv2d(x, weight, padding=1)

    return convolve
