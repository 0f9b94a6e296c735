"""The learning curve of a run, one row an update, in ``curves.csv``."""

import csv
import io
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from decouplednet.annotations.files import write_atomically
from decouplednet.errors import TrainingError
from decouplednet.stage_settings import StageSettings
from decouplednet.training.optimizers import learning_rate_factor
from decouplednet.training.stages import HELD_OUT_IOU, Stage

COLUMNS = ("stage", "epoch", "update", "loss", "learning_rate", HELD_OUT_IOU)


class Curve(Callback):
    """Writes the loss and step size of every update, whole epochs at a time.

    Args:
        path: the file; rows of other stages in it are kept, rows of this stage at or after the
            update that the run continues from are replaced.
        stage: name of the stage, the first column.
        settings: the schedule of the step size.
    """

    def __init__(self, path: Path, stage: str, settings: StageSettings) -> None:
        self.path = path
        self.stage = stage
        self.settings = settings
        self.rows: list[dict[str, Any]] = []
        self._losses: list[Tensor] = []
        self._learning_rate = 0.0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Read the rows that stay."""
        del module
        self.rows = [row for row in read_curve(self.path) if self._stays(row, trainer.global_step)]
        self._losses = []

    def on_train_batch_start(
        self, trainer: Trainer, module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the step size; the clock will have gone on when the update is made."""
        del batch, batch_idx
        if isinstance(module, Stage):
            position = module.pace.position(trainer.global_step)
            factor = learning_rate_factor(position, self.settings)
            self._learning_rate = self.settings.learning_rate * factor

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Collect the loss of a step; write a row when the step ended an update."""
        del module, batch
        # Lightning divides the loss it hands on by the number of steps in an update.
        self._losses.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)
        ended = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if ended:
            loss = sum(float(loss) for loss in self._losses) / len(self._losses)
            self._losses = []
            self.rows.append(
                {
                    "stage": self.stage,
                    "epoch": trainer.current_epoch,
                    "update": trainer.global_step,
                    "loss": f"{loss:.6g}",
                    "learning_rate": f"{self._learning_rate:.6g}",
                    HELD_OUT_IOU: "",
                }
            )

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Put the held-out IoU into the row of the last update."""
        del module
        if self.rows and HELD_OUT_IOU in trainer.callback_metrics:
            self.rows[-1][HELD_OUT_IOU] = f"{float(trainer.callback_metrics[HELD_OUT_IOU]):.4f}"

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Write the file."""
        del module
        if trainer.is_global_zero:
            text = io.StringIO(newline="")
            table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(self.rows)
            write_atomically(self.path, text.getvalue().encode())

    def _stays(self, row: dict[str, Any], update: int) -> bool:
        return row["stage"] != self.stage or int(row["update"]) <= update


def read_curve(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a ``curves.csv``; none when there is no such file.

    Raises:
        TrainingError: it is damaged.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
        whole = all(row.keys() == set(COLUMNS) and int(row["update"]) > 0 for row in rows)
    except (OSError, ValueError, TypeError, csv.Error):
        whole = False
    if not whole:
        raise TrainingError(
            f"{path}: not the learning curve of a run: its columns are {', '.join(COLUMNS)}, with "
            "whole numbers under update; remove it, which only loses the curve until now"
        )
    return rows
