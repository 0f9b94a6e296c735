"""Layers computed in a faster way for prediction, and batch normalisation folded into them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.shortcuts import shortcuts_allowed

Value = TypeVar("Value")
Layer = Callable[[Tensor], Tensor]
Group = Sequence[Layer]
Convolves = nn.Conv2d | nn.ConvTranspose2d


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


def fold(layer: Convolves, norm: nn.BatchNorm2d | None, dtype: torch.dtype) -> Folded:
    """Return a convolution and its batch normalisation as one convolution with a ReLU.

    Args:
        layer: 3 x 3, padded by 1.
        norm: see ``folded``.
        dtype: of the result.
    """
    weight, bias = folded(layer, norm)
    return Folded(weight.to(dtype).contiguous(memory_format=torch.channels_last), bias.to(dtype))


def folded(layer: Convolves, norm: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """Return the kernel (out, in, k, k) and the bias (out,) of a convolution and what follows it.

    Without stride, a transposed convolution is one whose kernel is mirrored. The normalisation is
    that of evaluation: ``(y - mean) / sqrt(variance + epsilon) * weight + bias`` of each channel.

    Args:
        layer: of stride 1.
        norm: with running statistics; None: nothing follows.
    """
    weight = layer.weight
    if isinstance(layer, nn.ConvTranspose2d):
        weight = weight.transpose(0, 1).flip(2, 3)
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias
    if norm is None:
        return weight, bias
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise TypeError("a normalisation without statistics")
    scale = norm.weight / (variance + norm.eps).sqrt()
    return weight * scale[:, None, None, None], (bias - mean) * scale + norm.bias


def in_turn(layers: Group, x: Tensor) -> Tensor:
    """Return what layers make of x, one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def may_fold(part: nn.Module) -> bool:
    """Return whether a part may be computed in a faster way: nothing of it learns."""
    # Statistics may be estimated while all else is evaluated.
    training = any(module.training for module in part.modules())
    return not (training or torch.is_grad_enabled()) and shortcuts_allowed()


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
