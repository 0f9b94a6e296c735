"""How the weights of new layers start: the paper's way and He's."""

from collections.abc import Callable

from torch import nn

Initialise = Callable[[nn.Module], None]

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def gaussian(module: nn.Module) -> None:
    """Start the layers of a module as the paper's new layers start.

    Convolutions get Gaussian weights of deviation 0.01 and biases of zero; batch normalisation
    gets scale 1 and shift 0.001. Deterministic under ``torch.manual_seed``.

    Args:
        module: changed in place, with everything it holds.

    Source: PAPER.md, facts of the original release, new layers.
    """
    for layer in module.modules():
        if isinstance(layer, _CONVOLUTIONS):
            nn.init.normal_(layer.weight, std=0.01)
    _start_shifts(module, batch_norm_shift=0.001)


def he(module: nn.Module) -> None:
    """Start the layers of a module so that ReLU keeps the variance of what passes through.

    Convolutions get Gaussian weights of deviation sqrt(2 / inputs) and biases of zero; batch
    normalisation gets scale 1 and shift 0. Deterministic under ``torch.manual_seed``.

    Args:
        module: changed in place, with everything it holds.

    Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015.
    """
    for layer in module.modules():
        if isinstance(layer, _CONVOLUTIONS):
            if isinstance(layer, nn.ConvTranspose2d):
                # Its weight has the inputs first, where torch expects the outputs.
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
    _start_shifts(module, batch_norm_shift=0.0)


def _start_shifts(module: nn.Module, batch_norm_shift: float) -> None:
    for layer in module.modules():
        if isinstance(layer, _CONVOLUTIONS) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.constant_(layer.bias, batch_norm_shift)
