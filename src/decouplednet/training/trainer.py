"""Lightning's trainer as the stages use it: silent, with our checkpoints, faults and Ctrl-C."""

import logging
import math
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from decouplednet.training.averaging import Averaging
from decouplednet.training.checkpoints import WholeCheckpoints, read_checkpoint
from decouplednet.training.curve import Curve
from decouplednet.training.machine import Machine
from decouplednet.training.progress import StageProgress
from decouplednet.training.stages import HELD_OUT_IOU, Stage
from decouplednet.training.waiting import Waiting
from decouplednet.training.worker_faults import told_plainly

LAST = "last"
BEST = "best"


class LastUpdate(Callback):
    """Ends the last epoch when the updates are done, or the time is over.

    Lightning's ``max_steps`` would do the same, but a run that resumes under it takes the end of
    an epoch for its middle and trains one batch too many.
    """

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ask the trainer to stop after the update that was the last."""
        del outputs, batch, batch_idx
        if isinstance(module, Stage) and module.pace.ended(trainer.global_step):
            trainer.should_stop = True


def patience_left(last: Path, patience: int | None) -> bool:
    """Return whether a stage may go on from its last checkpoint.

    Lightning keeps how many epochs went by without gain, but not that they were too many.

    Args:
        last: the checkpoint; True where there is none.
        patience: epochs without gain before the stage stops; None: never.

    Raises:
        TrainingError: the checkpoint is damaged.
    """
    if patience is None or not last.exists():
        return True
    states = read_checkpoint(last).get("callbacks", {})
    waited: int = states.get(_early_stopping(patience).state_key, {}).get("wait_count", 0)
    return waited < patience


def _early_stopping(patience: int) -> EarlyStopping:
    return EarlyStopping(HELD_OUT_IOU, patience=patience, mode="max")


@contextmanager
def only_trouble_is_told() -> Iterator[None]:
    """Keep Lightning's remarks on hardware, workers and other products out of the output."""
    theirs = logging.getLogger("lightning.pytorch")
    level = theirs.level
    theirs.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            warnings.filterwarnings("ignore", message="Checkpoint directory .* is not empty")
            # A run's folder may have been moved before it is resumed.
            warnings.filterwarnings("ignore", message="The dirpath has changed from")
            # Lightning 2.6 asks torch's tree functions in a way that torch 2.13 deprecates.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
            yield
    finally:
        theirs.setLevel(level)


@only_trouble_is_told()
def trainer_for(
    stage: Stage, folder: Path, curve: Path, compute: Machine, patience: int | None
) -> Trainer:
    """Return what trains a stage, with a checkpoint and a row of the curve at every epoch.

    Args:
        stage: what will be trained, its feed and pace given.
        folder: of the checkpoints.
        curve: the file of the learning curve.
        compute: where.
        patience: epochs without gain on held-out examples before the stage stops; None: never.
    """
    settings, images, pace = stage.settings, stage.feed.images_per_step, stage.pace
    epochs = math.ceil(pace.updates / settings.updates_per_epoch)
    return Trainer(
        accelerator=compute.device.type,
        devices=compute.devices,
        strategy="ddp_spawn" if compute.devices > 1 else "auto",
        precision=compute.precision_word,  # type: ignore[arg-type]  # Lightning lists each word
        max_epochs=epochs if pace.seconds is None else -1,  # -1: the clock alone decides
        accumulate_grad_batches=settings.images_per_update // (images * compute.devices),
        callbacks=_callbacks(stage, folder, curve, compute, patience),
        logger=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        plugins=[WholeCheckpoints()],
        enable_progress_bar=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )


@contextmanager
def faults_are_ours(trainer: Trainer) -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt, and a fault in a worker process the sentence it was.

    Lightning answers Ctrl-C by leaving the process with status 1 and ignoring any further one.

    Args:
        trainer: what is run inside.
    """
    answer = signal.getsignal(signal.SIGINT)
    try:
        with told_plainly():
            yield
    except SystemExit:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, answer)
        raise KeyboardInterrupt from None


def _callbacks(
    stage: Stage, folder: Path, curve: Path, compute: Machine, patience: int | None
) -> list[Callback]:
    rows = Curve(curve, stage.name, stage.settings)
    callbacks: list[Callback] = [
        LastUpdate(),
        rows,
    ]
    if stage.settings.average:
        callbacks.append(Averaging(stage.settings.average))
    if compute.progress:
        callbacks.append(StageProgress(stage.title, rows))
    if patience is not None:
        callbacks += [
            _early_stopping(patience),
            ModelCheckpoint(
                folder,
                BEST,
                monitor=HELD_OUT_IOU,
                mode="max",
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            ),
        ]
    # After the best one: where it stands, what it says of the best one is on disk.
    last = ModelCheckpoint(
        folder, LAST, save_on_train_epoch_end=True, enable_version_counter=False, save_top_k=1
    )
    return [*callbacks, Waiting(stage.pace.clock), last]
