"""Batch normalisation folded into the convolution before it, for prediction."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Folded:
    """A 3 x 3 convolution with all that follows it up to its ReLU.

    Args:
        weight: (out, in, 3, 3).
        bias: (out,).
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the (M, out, h, w) activations, at least 0, of (M, in, h, w)."""
        return F.conv2d(x, self.weight, self.bias, padding=1).relu_()


def fold(layer: nn.ConvTranspose2d, norm: nn.BatchNorm2d, dtype: torch.dtype) -> Folded:
    """Return a transposed convolution and its batch normalisation as one convolution.

    Without stride, a transposed convolution is one whose kernel is mirrored. The normalisation is
    that of evaluation: ``(y - mean) / sqrt(variance + epsilon) * weight + bias`` of each channel.

    Args:
        layer: 3 x 3, padded by 1, with a bias.
        norm: with running statistics.
        dtype: of the result.
    """
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None or layer.bias is None:
        raise TypeError("a convolution without bias, or a normalisation without statistics")
    scale = norm.weight / (variance + norm.eps).sqrt()
    weight = (layer.weight * scale[:, None, None]).transpose(0, 1).flip(2, 3)
    bias = (layer.bias - mean) * scale + norm.bias
    weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
    return Folded(weight, bias.to(dtype))


class Kept(Generic[Value]):
    """What was made of some tensors, kept until one of them changes. A copy of it keeps nothing."""

    def __init__(self) -> None:
        self._of: object = None
        self._value: Value | None = None

    def __deepcopy__(self, memo: object) -> "Kept[Value]":
        """Return one that has yet to make its own."""
        return Kept()

    def get(self, tensors: Iterable[Tensor], make: Callable[[], Value], *more: object) -> Value:
        """Return what is made of the tensors as they are.

        Args:
            tensors: whose places in memory and versions are looked at.
            make: makes it.
            more: what else it depends on.
        """
        now = (*more, *((tensor.data_ptr(), _version(tensor)) for tensor in tensors))
        if self._value is None or now != self._of:
            self._value = None  # its memory is free while the next is made
            self._value, self._of = make(), now
        return self._value


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version
