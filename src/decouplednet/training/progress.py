"""How far a stage is: one bar for all of its updates, or a line at every checkpoint."""

import sys
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from decouplednet.progress import terminal
from decouplednet.training.curve import Curve
from decouplednet.training.estimate import duration


class StageProgress(Callback):
    """Shows the updates of a stage on standard error, in the first process of a run alone.

    A terminal gets one bar; elsewhere a plain line is written at every checkpoint.

    Args:
        title: of the stage, such as ``stage 1, tags``.
        updates: of the whole stage; a resumed one starts at those it has made.
        curve: has the loss of the last update before this callback is asked.
    """

    def __init__(self, title: str, updates: int, curve: Curve) -> None:
        self.title = title
        self.updates = updates
        self.curve = curve
        self._first = 0
        self._started = 0.0
        self._bar: Progress | None = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Draw the bar at the updates that were made before."""
        del module
        self._first, self._started = trainer.global_step, time.perf_counter()
        console = terminal()
        if console and trainer.is_global_zero:
            self._bar = _bar(console)
            self._bar.add_task(
                self.title, total=self.updates, completed=trainer.global_step, loss=""
            )
            self._bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        del module, outputs, batch, batch_idx
        if self._bar and self.curve.rows:
            self._bar.update(TaskID(0), completed=trainer.global_step, loss=f"loss {self._loss()}")

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write the line of a checkpoint where there is no bar."""
        del module
        if trainer.is_global_zero and self._bar is None:
            sys.stderr.write(self._line(trainer.global_step) + "\n")
            sys.stderr.flush()

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Leave the bar as it is."""
        del trainer, module
        self._stop()

    def on_exception(
        self, trainer: Trainer, module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the bar as it is."""
        del trainer, module, exception
        self._stop()

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _line(self, update: int) -> str:
        seconds = (time.perf_counter() - self._started) / max(1, update - self._first)
        left = duration(seconds * (self.updates - update))
        return f"{self.title}: update {update} of {self.updates}, loss {self._loss()}, {left} left"

    def _loss(self) -> str:
        return f"{float(self.curve.rows[-1]['loss']):.3g}"


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
    )
