"""Convolutions in 8 bits, for prediction on the CPU: bytes in, bytes out.

An activation after a ReLU is a byte b that stands for ``b * largest / 255``; what is larger is cut
off. A kernel is signed bytes, with a scale for each of its outputs. Products are summed exactly, in
32 bits, and bias and ReLU are applied before a byte is rounded.

Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", CVPR 2018, section 2, with a zero point of 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from decouplednet.errors import ModelError
from decouplednet.networks.folding import (
    Convolves,
    Kept,
    Layer,
    blocks,
    folded,
    may_fold,
    padding_of,
)
from decouplednet.networks.precision import eight_bits
from decouplednet.networks.ranges import range_of, ranges_of

Value = TypeVar("Value")
_LEVELS = 255  # of an unsigned byte, above 0
_WEIGHT_LEVELS = 127  # of a signed byte to either side of 0


def multiplies_bytes() -> bool:
    """Return whether this torch has the convolutions of bytes that are used here: since 2.8."""
    names = ("qconv_prepack", "qconv_pointwise")
    return all(hasattr(torch.ops.onednn, name) for name in names)


@dataclass(frozen=True, slots=True)
class ToBytes:
    """Activations to bytes; what is below 0 becomes 0.

    Args:
        largest: what 255 stands for.
    """

    largest: float

    def __call__(self, x: Tensor) -> Tensor:
        """Return uint8 of the same shape and layout.

        Raises:
            ModelError: an activation is not finite; as a byte it would not be seen to be.
        """
        if not _finite(x):
            raise ModelError(
                "precision int8: activations of the network are not finite; compute with precision "
                "32, and if that does not help, train again"
            )
        # In bfloat16, whole numbers above 128 would be rounded twice.
        return (x.float() * (_LEVELS / self.largest)).round_().clamp_(0, _LEVELS).to(torch.uint8)


def _finite(x: Tensor) -> bool:
    return bool(x.sum().isfinite())


@dataclass(frozen=True, slots=True, eq=False)
class ByteConvolution:
    """A convolution of stride 1 and its ReLU, on bytes.

    Args:
        kernel: (out, C, k, k) signed bytes, in the order that the processor wants.
        scales: (out,) float32, what 1 stands for in the kernel of each output.
        bias: (out,) float32.
        padding: zeros around the input.
        comes: what 255 stands for in the input.
        goes: the same for the output; None: float32 comes out, not rounded to bytes.
    """

    kernel: Tensor
    scales: Tensor
    bias: Tensor
    padding: int
    comes: float
    goes: float | None

    def __call__(self, x: Tensor) -> Tensor:
        """Return (M, out, h, w), bytes or float32, of (M, C, h, w) bytes, channels last."""
        as_bytes = self.goes is not None
        convolved: Tensor = torch.ops.onednn.qconv_pointwise(
            x,
            self.comes / _LEVELS,
            0,
            self.kernel,
            self.scales,
            torch.zeros(len(self.scales), dtype=torch.int64),
            self.bias,
            [1, 1],
            [self.padding] * 2,
            [1, 1],
            1,
            self.goes / _LEVELS if self.goes is not None else 1.0,
            0,
            torch.uint8 if as_bytes else torch.float32,
            "relu",
            [],
            "",
        )
        return convolved


def byte_convolution(
    weight: Tensor, bias: Tensor, padding: int, comes: float, goes: float | None
) -> ByteConvolution:
    """Return a convolution and its ReLU on bytes.

    Args:
        weight: (out, C, k, k).
        bias: (out,).
        padding: zeros around the input.
        comes: what 255 stands for in the input.
        goes: the same for the output; None: float32 comes out.

    Raises:
        ModelError: a number is not finite; as a byte it would not be seen to be.
    """
    if not (_finite(weight) and _finite(bias)):
        raise ModelError("precision int8: weights of the network are not finite; train again")
    peak = weight.detach().float().abs().amax(dim=(1, 2, 3))
    scales = torch.where(peak > 0, peak, 1.0) / _WEIGHT_LEVELS
    kernel = (weight.detach().float() / scales[:, None, None, None]).round().to(torch.int8)
    packed: Tensor = torch.ops.onednn.qconv_prepack(
        kernel, scales, comes / _LEVELS, 0, [1, 1], [padding] * 2, [1, 1], 1, None
    )
    return ByteConvolution(packed, scales, bias.detach().float(), padding, comes, goes)


def in_bytes(part: nn.Module, kept: Kept[Value], make: Callable[[], Value]) -> Value | None:
    """Return what a part computes in 8 bits, made once for its weights and ranges.

    Args:
        part: a network that may hold places of known range.
        kept: keeps what is made.
        make: makes it.

    Returns:
        None where the context asks for no 8 bits, see ``eight_bits``, or the part learns.
    """
    if not (eight_bits() and may_fold(part)):
        return None
    return kept.get(part.state_dict().values(), make, tuple(ranges_of(part).items()))


def byte_layers(layers: Sequence[nn.Module], comes: float | None) -> list[Layer] | None:
    """Return what turns activations to bytes, and convolutions with their ReLUs as layers on those.

    Args:
        layers: of stride 1: convolution, batch normalisation or none, ``RangedReLU``, and again.
        comes: the range of the activations that come in, at least 0; None: not known.

    Returns:
        ``ToBytes``, then a layer for each convolution, float32 coming out of the last; None where
        a range is not known.
    """
    if comes is None:
        return None
    made: list[Layer] = [ToBytes(comes)]
    *inner, last = blocks(layers)
    for convolution, norm, relu in inner:
        goes = range_of(relu)
        if goes is None:
            return None
        made.append(_in_bytes(convolution, norm, comes, goes))
        comes = goes
    convolution, norm, _ = last
    return [*made, _in_bytes(convolution, norm, comes, None)]


def _in_bytes(
    convolution: Convolves, norm: nn.BatchNorm2d | None, comes: float, goes: float | None
) -> Layer:
    weight, bias = folded(convolution, norm)
    return byte_convolution(weight, bias, padding_of(convolution), comes, goes)
