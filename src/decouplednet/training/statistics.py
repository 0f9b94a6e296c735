"""Batch statistics estimated again once the weights stand still."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.precision import mixed_precision


def estimate_statistics(
    network: DecoupledNet,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    precision: torch.dtype | None,
) -> None:
    """Replace the running statistics of bridge and decoder by averages over batches, in place.

    Args:
        network: its classifier is frozen and stays as it is.
        batches: (B, 3, H, W) images and (B, L) bool classes asked for.
        device: where to compute.
        precision: type of the automatic mixed precision; None for float32.

    Source:
        PAPER.md, facts of the original release: statistics re-estimated over 100 batches.
    """
    layers = [
        layer
        for part in (network.bridge, network.decoder)
        for layer in part.modules()
        if isinstance(layer, _BatchNorm)
    ]
    usual = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # PyTorch's word for an average over all batches
    _set_mode(layers, training=True)
    with (
        torch.no_grad(),
        mixed_precision(device, precision),
    ):
        for image, asked in batches:
            network(image.to(device), asked.to(device))
    _set_mode(layers, training=False)
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum


def _set_mode(layers: Iterable[nn.Module], *, training: bool) -> None:
    for layer in layers:
        layer.train(training)
