"""What a step will cost, counted on tensors without memory before anything is trained."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from decouplednet.networks.classification import Traced
from decouplednet.networks.decouplednet import Bridging, Decoder, DecoupledNet, freeze
from decouplednet.networks.encoder import Encoder
from decouplednet.networks.precision import mixed_precision
from decouplednet.networks.presets import Preset

# A training step computes the forward pass and, for its two gradients, twice as much again.
TRAINING_PASSES = 3
# Weights, where they started, gradients and AdamW's two moments are float32.
BYTES_PER_TRAINED_WEIGHT = 20
BYTES_PER_FROZEN_WEIGHT = 4
STORE_BYTES = 2**30  # most memory for decoded images, each read once instead of at every pass
# Measured over the presets on a CPU: normalisation, pooling and copies beside the convolutions.
OVERHEAD = 1.4
# Moments in which the machine is measured, and convolutions in each.
TRIALS = 8
REPEATS = 3

_Part = nn.Module | Bridging | Decoder


@dataclass(frozen=True, slots=True)
class Size:
    """What a part of the network holds.

    Args:
        weights: their number.
        kept_bytes: activations kept for the gradient of one image or map.
        given: numbers that it gives for one image or map.
    """

    weights: int
    kept_bytes: int
    given: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What the two stages cost for one image.

    Args:
        groups: floating point operations of each group of the encoder's layers.
        head: of the classification head.
        segmenter: of the bridge and the deconvolution network, for one map.
        group_sizes: what each group holds.
        head_size: what the head holds.
        segmenter_size: what bridge and deconvolution network hold, for one map.
    """

    groups: tuple[float, ...]
    head: float
    segmenter: float
    group_sizes: tuple[Size, ...]
    head_size: Size
    segmenter_size: Size


def cost_of(preset: Preset, class_count: int, side: int) -> Cost:
    """Return what a preset costs, for a square image of ``side`` pixels.

    Args:
        preset: whose network is measured; it is built without memory.
        class_count: L.
        side: in pixels, accepted by the preset.
    """
    with torch.device("meta"):
        network = preset.build(class_count)
        image = torch.empty(1, 3, side, side)
    network.eval()  # batch statistics are values, which tensors without memory do not have
    encoder, head = network.classifier.encoder, network.classifier.head
    groups, x = [], image
    for group in range(encoder.group_count):
        compute = partial(_run_group, encoder, group, x)
        operations, size, x = _measured(compute, *encoder.group(group))
        groups.append((operations, size))
    head_operations, head_size, _ = _measured(lambda: head(x), head)
    freeze(network.classifier)
    traced = network.classifier.trace(image)
    operations, size, _ = _measured(
        partial(_segment_one, network, traced), network.bridge, network.decoder
    )
    return Cost(
        groups=tuple(operations for operations, _ in groups),
        head=head_operations,
        segmenter=operations,
        group_sizes=tuple(size for _, size in groups),
        head_size=head_size,
        segmenter_size=size,
    )


def _run_group(encoder: Encoder, group: int, x: Tensor) -> Tensor:
    return encoder.run_groups(x, range(group, group + 1)).pool5


def _segment_one(network: DecoupledNet, traced: Traced) -> Tensor:
    """Return the scores of one map; f_cls, whose cost is small, has the shape of pool5."""
    image_index = torch.zeros(1, dtype=torch.int64)  # a value, which decides what is computed
    pool5, seed = traced.encoded.pool5, torch.empty_like(traced.score)
    g = network.bridge.activation(traced, image_index, seed, pool5)
    return network.decoder.decode(g, traced.encoded, image_index)


def _measured(compute: Callable[[], Tensor], *parts: _Part) -> tuple[float, Size, Tensor]:
    """Return the operations of a computation, what its parts hold, and its result."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept[tensor.untyped_storage()._cdata] = tensor.numel() * tensor.element_size()
        return tensor

    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        result = compute()
    size = Size(_count(*parts), sum(kept.values()), result.numel())
    return float(counter.get_total_flops()), size, result.detach()


def _count(*parts: _Part) -> int:
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def operations_per_second(device: torch.device, precision: torch.dtype | None) -> float:
    """Return what this machine reaches on a typical convolution, the best of several moments.

    Other processes slow some of the moments; the fastest one says what the machine can do.

    Args:
        device: where.
        precision: of the automatic mixed precision; None for float32.
    """
    layer = nn.Conv2d(256, 256, 3, padding=1).to(device)
    image = torch.randn(4, 256, 20, 20, device=device).to(memory_format=torch.channels_last)
    operations = 2 * 4 * 20 * 20 * 256 * 256 * 9
    with (
        torch.inference_mode(),
        mixed_precision(device, precision),
    ):
        layer(image)
        wait(device)
        seconds = []
        for _ in range(TRIALS):
            start = time.perf_counter()
            for _ in range(REPEATS):
                layer(image)
            wait(device)
            seconds.append(time.perf_counter() - start)
    return REPEATS * operations / min(seconds)


def wait(device: torch.device) -> None:
    """Wait until a device has done what it was given, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def duration(seconds: float) -> str:
    """Return a time in words that suit its length, such as ``40 s`` or ``12 min``."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
