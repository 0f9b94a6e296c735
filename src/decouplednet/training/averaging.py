"""Weights averaged over the updates of a stage: measured, kept in checkpoints, and its result."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from decouplednet.training.checkpoints import check_fit
from decouplednet.training.stages import Stage

AVERAGE = "average"  # what a checkpoint calls the averaged weights


@torch.no_grad()
def follow(
    average: dict[str, Tensor], now: Mapping[str, Tensor], *, decay: float, update: int
) -> None:
    """Move averages to where an update has brought what they follow, in place.

    After n updates an average is the sum over i of ``decay ** (n - i)`` times the i-th value, over
    the sum of these weights: what was there before the first update counts for nothing, and the
    first average is the first value.

    Args:
        average: by name, of any shapes; whole numbers, such as counts of batches, take their last
            value.
        now: the values after the update, by the same names.
        decay: in [0, 1); 1 / (1 - decay) updates count the most.
        update: number of the update, from 1.

    Source:
        Kingma and Ba, "Adam", ICLR 2015, section on the correction of the bias at the start.
    """
    nearer = (1 - decay) / (1 - decay**update)
    for name, value in now.items():
        if value.is_floating_point():
            average[name].lerp_(value.to(average[name].device), nearer)
        else:
            average[name].copy_(value)


class Averaging(Callback):
    """Follows a stage with averages of all that it changes, the statistics of batches included.

    Held-out masks measure the averages, not the weights of the last update; checkpoints hold both,
    so that a resumed stage goes on as if nothing had happened.

    Args:
        decay: in [0, 1), as for ``follow``.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._average: dict[str, Tensor] = {}
        self._update = 0
        self._aside: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Begin with the weights as they are, or bring those of a checkpoint to their device."""
        state = _changing(module)
        begun = self._average or state
        self._average = {
            name: begun[name].to(tensor.device, copy=True) for name, tensor in state.items()
        }
        self._update = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Follow the weights if the step ended an update."""
        del outputs, batch, batch_idx
        if trainer.global_step > self._update:
            self._update = trainer.global_step
            follow(self._average, _changing(module), decay=self._decay, update=self._update)

    def on_validation_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the averages in the place of the weights."""
        del trainer
        self._aside = {name: tensor.clone() for name, tensor in _changing(module).items()}
        module.load_state_dict(self._average, strict=False)

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the weights back."""
        del trainer
        module.load_state_dict(self._aside, strict=False)
        self._aside = {}

    def on_save_checkpoint(
        self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the averages to a checkpoint."""
        del trainer, module
        checkpoint[AVERAGE] = dict(self._average)

    def on_load_checkpoint(
        self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Go on from the averages of a checkpoint.

        Raises:
            TrainingError: it has none, or those of another network.
        """
        average = checkpoint.get(AVERAGE, {})
        check_fit(average, _changing(module), Path(str(trainer.ckpt_path)))
        self._average = average


def _changing(module: LightningModule) -> dict[str, Tensor]:
    """Return what the training of a module may change, by name."""
    return module.changing_state() if isinstance(module, Stage) else module.state_dict()
