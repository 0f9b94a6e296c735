"""What computes a cell, as its file says it."""

import torch

from decouplednet.comparison.cell import Where
from decouplednet.training.machine import Machine
from decouplednet.training.run_folder import commit


def where(machine: Machine) -> Where:
    """Return what a cell says of the machine that computes it, and of the code.

    Args:
        machine: of the cell's run.
    """
    device = machine.device
    return Where(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
        torch=str(torch.__version__),
        precision=machine.precision_word,
        commit=commit(),
    )
