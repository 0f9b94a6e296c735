"""Convolutions whose kernels may be large: the CPU takes such a kernel tap by tap."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.precision import full_precision
from decouplednet.networks.shortcuts import shortcuts_allowed

_LARGE_WEIGHT = 16_000_000
"""Numbers in a weight from which taps beat a convolution on the CPU: two to four times as fast for
the 103 million of VGG-16's fc6, three times as slow for 2 million and 64 images."""


class Convolution(nn.Conv2d):
    """A convolution without stride or groups that takes a large kernel tap by tap."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # its name in torch
        """Return what ``convolve`` makes of (B, C, h, w)."""
        return self._convolve(input, self.weight, self.bias)

    def of_channels(self, x: Tensor, channels: slice, bias: Tensor | None) -> Tensor:
        """Return what the kernel makes of some of the channels that it takes.

        Args:
            x: (B, D, h, w), D of the C channels.
            channels: which.
            bias: (out,), or None for none.
        """
        return self._convolve(x, self.weight[:, channels], bias)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding, dilation = int(self.padding[0]), self.dilation[0]
        return convolve(x, weight, bias, padding=padding, dilation=dilation)


class TransposedConvolution(nn.ConvTranspose2d):
    """A transposed convolution without padding or stride that takes a large kernel tap by tap."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002
        """Return what ``transpose`` makes of (B, C, h, w)."""
        del output_size
        return transpose(input, self.weight, self.bias)


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, padding: int = 0, dilation: int = 1
) -> Tensor:
    """Return the convolution of (B, C, h, w).

    On the CPU, a convolution brings its weight into another order at every call; fc6 of VGG-16 is
    411 MB. A large weight is therefore taken as it lies, if channels come last: one matrix product
    for each of its taps, also under autocast in the dtype of the weight, since converting it takes
    longer than the products. With a weight of half precision, what each tap makes is rounded to
    it, and the taps are summed in float32.

    Args:
        x: (B, C, h, w).
        weight: (out, C, k, k).
        bias: (out,).
        padding: p, zeros around x.
        dilation: d, positions from one tap to the next.

    Returns:
        (B, out, h + 2 p - d (k - 1), w + 2 p - d (k - 1)).
    """
    if not _is_taken_by_taps(x, weight):
        return F.conv2d(x, _of_type(weight, x), bias, padding=padding, dilation=dilation)
    places = F.pad(x.to(weight.dtype), [padding] * 4).permute(0, 2, 3, 1)
    side, reach = weight.shape[3], dilation * (weight.shape[3] - 1)
    height, width = places.shape[1] - reach, places.shape[2] - reach
    out = _sums(weight, (len(weight), 1)) if bias is None else bias[:, None]
    with full_precision(x.device):
        for number, tap in enumerate(_taps(weight)):
            row, column = (dilation * place for place in divmod(number, side))
            seen = places[:, row : row + height, column : column + width].flatten(0, 2)
            # With the outputs as rows it takes two thirds of the time, where positions are few.
            out = out + tap @ seen.t()
    return out.t().reshape(len(x), height, width, len(weight)).permute(0, 3, 1, 2)


def transpose(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the transposed convolution of (B, C, h, w), without padding or stride.

    Args:
        x: (B, C, h, w).
        weight: (C, out, k, k), taken as by ``convolve``.
        bias: (out,).

    Returns:
        (B, out, h + k - 1, w + k - 1).
    """
    if not _is_taken_by_taps(x, weight):
        return F.conv_transpose2d(x, _of_type(weight, x), bias)
    side, (count, channels, height, width) = weight.shape[3], x.shape
    seen = x.to(weight.dtype).permute(0, 2, 3, 1).reshape(-1, channels)
    shape = (count, height + side - 1, width + side - 1, weight.shape[1])
    out = _sums(weight, shape) if bias is None else bias.expand(shape).clone()
    with full_precision(x.device):
        for number, tap in enumerate(_taps(weight)):
            row, column = divmod(number, side)
            sent = (seen @ tap).view(count, height, width, weight.shape[1])
            out[:, row : row + height, column : column + width] += sent
    return out.permute(0, 3, 1, 2)


def halve_large_weights(network: nn.Module, dtype: torch.dtype) -> None:
    """Keep the large kernels of a network in half precision; all else stays as it is.

    What they are multiplied with is rounded too, and what each tap makes; taps are summed in
    float32. It halves what a large kernel costs, since that is the time to read it.

    Args:
        network: on the CPU; changed in place, for prediction only.
        dtype: of half precision.
    """
    for layer in _large_layers(network):
        halved = layer.weight.detach().to(dtype)
        layer.weight = nn.Parameter(halved, requires_grad=False)


def has_large_weights(network: nn.Module) -> bool:
    """Return whether a network has kernels that the CPU takes tap by tap."""
    return any(True for _ in _large_layers(network))


def _large_layers(network: nn.Module) -> Iterator[Convolution | TransposedConvolution]:
    for layer in network.modules():
        if isinstance(layer, Convolution | TransposedConvolution) and is_large(layer.weight):
            yield layer


def is_large(weight: Tensor) -> bool:
    """Return whether a weight is so large that the CPU takes it tap by tap."""
    return weight.numel() > _LARGE_WEIGHT


def _is_taken_by_taps(x: Tensor, weight: Tensor) -> bool:
    return x.device.type == "cpu" and is_large(weight) and shortcuts_allowed()


def _of_type(weight: Tensor, x: Tensor) -> Tensor:
    """Return a weight of half precision in the type of what it meets; others are left alone."""
    halved = weight.dtype in (torch.bfloat16, torch.float16) and x.dtype != weight.dtype
    return weight.to(x.dtype) if halved else weight


def _taps(weight: Tensor) -> tuple[Tensor, ...]:
    """Return the (first, second) matrix of each tap, row by row, without copies."""
    return weight.permute(2, 3, 0, 1).flatten(0, 1).unbind()


def _sums(weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return zeros to which products are added."""
    return weight.new_zeros(shape, dtype=torch.promote_types(weight.dtype, torch.float32))
