"""What a step will cost, counted on tensors without memory before anything is trained."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.presets import Preset
from decouplednet.networks.vgg import GROUPS

# A training step computes the forward pass and, for its two gradients, twice as much again.
TRAINING_PASSES = 3
# Weights, gradients and AdamW's two moments are float32.
BYTES_PER_TRAINED_WEIGHT = 16
BYTES_PER_FROZEN_WEIGHT = 4
# Measured over the presets on a CPU: normalisation, pooling and copies beside the convolutions.
OVERHEAD = 1.4
# Moments in which the machine is measured, and convolutions in each.
TRIALS = 8
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What the two stages cost for one image.

    Args:
        groups: floating point operations of each of the five groups of convolutions.
        head: of the classification head.
        segmenter: of the bridge and the deconvolution network, for one map.
        trained_bytes: weights that learn in stage 2, with gradients and moments.
        frozen_bytes: weights that do not.
        kept_bytes: activations kept for the gradient of one map in stage 2.
    """

    groups: tuple[float, ...]
    head: float
    segmenter: float
    trained_bytes: int
    frozen_bytes: int
    kept_bytes: int


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
    freeze(network.classifier)
    network.eval()  # batch statistics are values, which tensors without memory do not have
    encoder = network.classifier.encoder
    groups = []
    for group in range(GROUPS):
        below = encoder.run_groups(image, range(group)).pool5
        with FlopCounterMode(display=False) as counter:
            encoder.run_groups(below, range(group, group + 1))
        groups.append(float(counter.get_total_flops()))
    encoded = encoder(image)
    with FlopCounterMode(display=False) as head:
        network.classifier.head(encoded.pool5)
    segmenter, kept = _segmenter(network, encoded.pool5, encoded.switches)
    return Cost(
        groups=tuple(groups),
        head=head.get_total_flops(),
        segmenter=segmenter,
        trained_bytes=BYTES_PER_TRAINED_WEIGHT * _count(network.bridge, network.decoder),
        frozen_bytes=BYTES_PER_FROZEN_WEIGHT * _count(network.classifier),
        kept_bytes=kept,
    )


def _segmenter(
    network: DecoupledNet, pool5: Tensor, switches: tuple[Tensor, ...]
) -> tuple[float, int]:
    """Return the operations of one map, and the bytes it keeps for its gradient."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[id(tensor)] = tensor.numel() * tensor.element_size()
        return tensor

    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        held = network.decoder(network.bridge(pool5, pool5), switches)
    del held
    return counter.get_total_flops(), sum(kept.values())


def _count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


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
        torch.autocast(device.type, dtype=precision, enabled=precision is not None),
    ):
        layer(image)
        _wait(device)
        seconds = []
        for _ in range(TRIALS):
            start = time.perf_counter()
            for _ in range(REPEATS):
                layer(image)
            _wait(device)
            seconds.append(time.perf_counter() - start)
    return REPEATS * operations / min(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def duration(seconds: float) -> str:
    """Return a time in words that suit its length, such as ``40 s`` or ``12 min``."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
