"""Layers computed in a faster way for prediction, and batch normalisation folded into them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.part import Part
from decouplednet.networks.shortcuts import shortcuts_allowed

Value = TypeVar("Value")
Layer = Callable[[Tensor], Tensor]
Group = Sequence[Layer]
Convolves = nn.Conv2d | nn.ConvTranspose2d
Block = tuple[Convolves, nn.BatchNorm2d | None, nn.ReLU]


@dataclass(frozen=True, slots=True)
class Folded:
    """A convolution of stride 1 with all that follows it up to its ReLU.

    Args:
        weight: (out, in, k, k); on the CPU in the order that the processor wants.
        bias: (out,).
        padding: zeros around the input.
    """

    weight: Tensor
    bias: Tensor
    padding: int

    def __call__(self, x: Tensor) -> Tensor:
        """Return the (M, out, h, w) activations, at least 0, of (M, in, h, w), channels last."""
        if not self.weight.is_mkldnn:
            return F.conv2d(x, self.weight, self.bias, padding=self.padding).relu_()
        sides = [self.padding] * 2
        x = x.to(self.bias.dtype).contiguous(memory_format=torch.channels_last)
        # oneDNN's own ReLU would make 0 of NaN, which then nobody could tell.
        convolved: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, sides, [1, 1], [1, 1], 1, "none", [], ""
        )
        return convolved.relu_()


def fold(layer: Convolves, norm: nn.BatchNorm2d | None, dtype: torch.dtype) -> Folded:
    """Return a convolution with its batch normalisation and its ReLU.

    On the CPU its kernel is brought once into the order in which oneDNN multiplies, which
    PyTorch's own convolution does at every call: a fifth of its time where maps are small.

    Args:
        layer: a plain convolution, see ``folded``.
        norm: see ``folded``.
        dtype: of the result.

    Raises:
        TypeError: as ``folded``.
    """
    weight, bias = folded(layer, norm)
    weight = weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
    padding = padding_of(layer)
    if weight.device.type == "cpu" and _in_onednn(dtype):
        order = torch.ops.mkldnn._reorder_convolution_weight
        weight = order(weight, [padding] * 2, [1, 1], [1, 1], 1, None)
    return Folded(weight, bias.detach().to(dtype), padding)


def _in_onednn(dtype: torch.dtype) -> bool:
    """Return whether oneDNN is there and multiplies a type on this processor."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch's own
        return False
    in_half = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(in_half()))


def folded(layer: Convolves, norm: nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """Return the kernel (out, in, k, k) and the bias (out,) of a convolution and what follows it.

    Without stride, a transposed convolution is one whose kernel is mirrored. The normalisation is
    that of evaluation: ``(y - mean) / sqrt(variance + epsilon) * weight + bias`` of each channel.

    Args:
        layer: of stride 1, not dilated, one group.
        norm: with running statistics; None: nothing follows.

    Raises:
        TypeError: the layer has a stride, a dilation or groups, or the normalisation no statistics.
    """
    if (*layer.stride, *layer.dilation, layer.groups) != (1,) * 5:
        raise TypeError("a convolution with a stride, a dilation or groups")
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


def padding_of(layer: Convolves) -> int:
    """Return the zeros around the input of the convolution that ``folded`` makes of a layer."""
    padding, side = int(layer.padding[0]), int(layer.kernel_size[0])
    return side - 1 - padding if isinstance(layer, nn.ConvTranspose2d) else padding


def blocks(layers: Iterable[nn.Module]) -> Iterator[Block]:
    """Yield each convolution of a chain with its normalisation, if any, and its ReLU.

    Args:
        layers: convolution, batch normalisation or none, ReLU, and again.

    Raises:
        TypeError: something else stands there, or a convolution has no ReLU.
    """
    convolution: Convolves | None = None
    norm: nn.BatchNorm2d | None = None
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and convolution is None:
            convolution, norm = layer, None
        elif isinstance(layer, nn.BatchNorm2d):
            norm = layer
        elif isinstance(layer, nn.ReLU) and convolution is not None:
            yield convolution, norm, layer
            convolution = None
        else:
            raise TypeError(f"{type(layer).__name__} stands in no chain of convolutions")
    if convolution is not None:
        raise TypeError("a chain of convolutions ends without a ReLU")


def folded_layers(layers: Iterable[nn.Module], dtype: torch.dtype) -> Group:
    """Return the convolutions of a chain, each with what follows it, see ``fold``.

    Args:
        layers: as for ``blocks``.
        dtype: of the result.
    """
    return [fold(convolution, norm, dtype) for convolution, norm, _ in blocks(layers)]


def in_turn(layers: Group, x: Tensor) -> Tensor:
    """Return what layers make of x, one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def may_fold(part: Part) -> bool:
    """Return whether a part may be computed in a faster way: nothing of it learns."""
    # Statistics may be estimated while all else is evaluated.
    training = any(module.training for module in part.modules())
    return not (training or torch.is_grad_enabled()) and shortcuts_allowed()


class Kept(Generic[Value]):
    """What was made of some tensors, kept until one of them changes. A copy of it keeps nothing.

    Nor does what another process gets of it. Nothing is kept of tensors made in inference mode,
    whose changes torch does not count; changes through ``.data`` are not counted either, and pass
    unseen.
    """

    def __init__(self) -> None:
        self._of: object = None
        self._value: Value | None = None

    def __deepcopy__(self, memo: object) -> "Kept[Value]":
        """Return one that has yet to make its own."""
        return Kept()

    def __reduce__(self) -> tuple[type["Kept[Value]"], tuple[()]]:
        """Return how another process makes its own: what is kept may not be sent."""
        return Kept, ()

    def get(self, tensors: Iterable[Tensor], make: Callable[[], Value], *more: object) -> Value:
        """Return what is made of the tensors as they are.

        Args:
            tensors: whose places in memory and versions are looked at.
            make: makes it.
            more: what else it depends on.
        """
        every = [*tensors]
        if any(tensor.is_inference() for tensor in every):
            return make()
        now = (*more, *((tensor.data_ptr(), tensor._version) for tensor in every))
        if self._value is None or now != self._of:
            self._value = None  # its memory is free while the next is made
            self._value, self._of = make(), now
        return self._value
