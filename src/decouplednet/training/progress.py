"""How far a stage is, as it is shown: one bar for all of it, or a line at every checkpoint."""

import sys
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from decouplednet.progress import terminal
from decouplednet.training.curve import Curve
from decouplednet.training.estimate import duration
from decouplednet.training.pace import Pace
from decouplednet.training.stages import Stage


class StageProgress(Callback):
    """Shows how far a stage is on standard error, in the first process of a run alone.

    A terminal gets one bar; elsewhere a plain line is written at every checkpoint. Both count the
    updates, or the time where the stage ends by the clock.

    Args:
        title: of the stage, such as ``stage 1, tags``.
        curve: has the loss of the last update before this callback is asked.
    """

    def __init__(self, title: str, curve: Curve) -> None:
        self.title = title
        self.curve = curve
        self._first = 0
        self._started = 0.0
        self._bar: Progress | None = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Draw the bar at the updates that were made before."""
        self._first, self._started = trainer.global_step, time.perf_counter()
        console = terminal()
        if console and trainer.is_global_zero and isinstance(module, Stage):
            update, pace = trainer.global_step, module.pace
            self._bar = _bar(console)
            self._bar.add_task(
                self.title,
                total=pace.updates,
                completed=int(pace.position(update)),
                done=_done(update, pace),
                loss="",
            )
            self._bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        del outputs, batch, batch_idx
        if self._bar and self.curve.rows and isinstance(module, Stage):
            update, pace = trainer.global_step, module.pace
            self._bar.update(
                TaskID(0),
                completed=pace.position(update),
                done=_done(update, pace),
                loss=f"loss {self._loss()}",
            )

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write the line of a checkpoint where there is no bar."""
        if trainer.is_global_zero and self._bar is None and isinstance(module, Stage):
            sys.stderr.write(self._line(trainer.global_step, module.pace) + "\n")
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

    def _line(self, update: int, pace: Pace) -> str:
        if pace.seconds is None:
            seconds = (time.perf_counter() - self._started) / max(1, update - self._first)
            made, left = f"{update} of {pace.updates}", seconds * (pace.updates - update)
        else:
            made, left = f"{update}", max(0.0, pace.seconds - pace.taken())
        return f"{self.title}: update {made}, loss {self._loss()}, {duration(left)} left"

    def _loss(self) -> str:
        return f"{float(self.curve.rows[-1]['loss']):.3g}"


def _done(update: int, pace: Pace) -> str:
    """Return the updates made, and of how many where that is known."""
    return f"{update}/{pace.updates}" if pace.seconds is None else f"update {update}"


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
    )
