"""Where a run computes, all choices made."""

from dataclasses import dataclass

import torch

from decouplednet.inference.devices import choose_device, choose_precision
from decouplednet.settings import ComputeSettings

_LIGHTNING_WORDS = {None: "32-true", torch.bfloat16: "bf16-mixed", torch.float16: "16-mixed"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a stage computes.

    Args:
        device: the kind of device.
        devices: how many of them.
        precision: type of the automatic mixed precision; None for float32 throughout.
        workers: processes that read images beside the training.
        progress: whether bars are shown.
    """

    device: torch.device
    devices: int
    precision: torch.dtype | None
    workers: int
    progress: bool

    @property
    def precision_word(self) -> str:
        """What Lightning calls the precision, such as ``bf16-mixed``."""
        return _LIGHTNING_WORDS[self.precision]


def machine(settings: ComputeSettings, *, progress: bool) -> Machine:
    """Return the choices of ``[compute]`` made for this machine.

    Args:
        settings: what was asked for.
        progress: whether bars are shown.

    Raises:
        DeviceError: a GPU is asked for and absent, or the precision is not to be had.
    """
    device = choose_device(settings.device)
    return Machine(
        device=device,
        devices=settings.devices,
        precision=choose_precision(settings.precision, device),
        workers=settings.workers,
        progress=progress,
    )
