"""How long the steps of a stage wait for the images that they learn from."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from decouplednet.training.pace import Clock

STATE = "waiting"
"""What the callback's part of a checkpoint is called."""


class Waiting(Callback):
    """Times steps from the end of the one before, and how long of that their images were awaited.

    The first step of an epoch does not count: before it a checkpoint is written, or workers start.

    Args:
        clock: to time by.

    Attributes:
        waited: seconds until the images of a step were there, all steps together.
        stepping: seconds of the steps, with the waiting before each.
    """

    def __init__(self, clock: Clock) -> None:
        self.waited = self.stepping = 0.0
        self._clock = clock
        self._ended: float | None = None
        self._given = 0.0

    @property
    def state_key(self) -> str:
        """Name of its part of a checkpoint."""
        return STATE

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Leave out what lies between two epochs."""
        del trainer, module
        self._ended = None

    def on_train_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note that the images are there."""
        del trainer, module, batch, batch_idx
        self._given = self._clock()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the step."""
        del trainer, module, outputs, batch, batch_idx
        now = self._clock()
        if self._ended is not None:
            self.waited += self._given - self._ended
            self.stepping += now - self._ended
        self._ended = now

    def state_dict(self) -> dict[str, float]:
        """Return what a checkpoint keeps of it."""
        return {"waited": self.waited, "stepping": self.stepping}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Go on counting from a checkpoint."""
        self.waited, self.stepping = state_dict["waited"], state_dict["stepping"]


def share_waited(states: list[Mapping[str, float]]) -> float | None:
    """Return which share of the steps' time was waiting; None where no step was timed.

    Args:
        states: of the callback, from checkpoints.

    >>> share_waited([{"waited": 1.0, "stepping": 8.0}, {"waited": 2.0, "stepping": 4.0}])
    0.25
    """
    stepping = sum(state["stepping"] for state in states)
    return sum(state["waited"] for state in states) / stepping if stepping else None
