"""Batch statistics estimated again once the weights stand still."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from decouplednet.networks.precision import mixed_precision


def estimate_statistics(
    network: nn.Module,
    parts: Sequence[nn.Module],
    batches: Iterable[Sequence[Tensor]],
    device: torch.device,
    precision: torch.dtype | None,
) -> None:
    """Replace the running statistics of some parts by averages over batches, in place.

    Args:
        network: what computes; all but ``parts`` stays as it is.
        parts: of the network, such as its bridge and its decoder.
        batches: what the network is called with, each tensor's first size the batch's.
        device: where to compute.
        precision: type of the automatic mixed precision; None for float32.

    Source:
        PAPER.md, facts of the original release: statistics re-estimated over 100 batches.
    """
    layers = [layer for part in parts for layer in part.modules() if isinstance(layer, _BatchNorm)]
    usual = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # PyTorch's word for an average over all batches
    _set_mode(layers, training=True)
    with (
        torch.no_grad(),
        mixed_precision(device, precision),
    ):
        for inputs in batches:
            network(*(tensor.to(device) for tensor in inputs))
    _set_mode(layers, training=False)
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum


def _set_mode(layers: Iterable[nn.Module], *, training: bool) -> None:
    for layer in layers:
        layer.train(training)
