"""One optimisation run by Lightning: checkpoints, resuming, smaller steps when memory runs out."""

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from torch.utils.data import DataLoader, Dataset

from decouplednet.errors import TrainingError
from decouplednet.settings import StageSettings
from decouplednet.training.checkpoints import WholeCheckpoints, read_checkpoint
from decouplednet.training.curve import Curve
from decouplednet.training.machine import Machine
from decouplednet.training.stages import HELD_OUT_IOU, Feed, Stage

logger = logging.getLogger(__name__)

LAST = "last"
BEST = "best"


class LastUpdate(Callback):
    """Ends the last epoch when the updates are done.

    Lightning's ``max_steps`` would do the same, but a run that resumes under it takes the end of
    an epoch for its middle and trains one batch too many.
    """

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ask the trainer to stop after the update that was the last."""
        del outputs, batch, batch_idx
        if isinstance(module, Stage) and trainer.global_step >= module.settings.updates:
            trainer.should_stop = True


def fit(
    stage: Stage,
    examples: Dataset[Any],
    *,
    folder: Path,
    curve: Path,
    compute: Machine,
    held_out: Dataset[Any] | None = None,
    patience: int | None = None,
) -> None:
    """Run a stage to its end, from its last checkpoint if there is one.

    When memory runs out, the step is halved, twice as many steps make an update, and the stage
    goes on from its last checkpoint. Batch normalisation then sees smaller batches.

    Args:
        stage: what is trained, in place.
        examples: indexed by draw number.
        folder: of the checkpoints.
        curve: the file of the learning curve.
        compute: where.
        held_out: examples that decide when to stop, with ``patience``.
        patience: epochs without gain on ``held_out`` before the stage stops; the best epoch's
            weights are kept.

    Raises:
        DataError: a checkpoint cannot be written.
        TrainingError: the loss became NaN or infinite, or memory ran out for a single image.
    """
    settings = stage.settings
    images = step_size(settings, compute.devices)
    while True:
        try:
            with _lightning_speaks_only_of_trouble():
                trainer = _trainer(stage, images, folder, curve, compute, patience)
                last = folder / f"{LAST}.ckpt"
                stage.feed = Feed(examples, images, compute.workers)
                trainer.fit(
                    stage,
                    val_dataloaders=DataLoader(held_out, batch_size=images) if held_out else None,
                    ckpt_path=last if last.exists() else None,
                    weights_only=True,
                )
            break
        except RuntimeError as fault:
            if not is_out_of_memory(fault):
                raise
            images = smaller_step(images, settings, compute.devices, stage.name)
            logger.warning(
                "%s: memory ran out; going on from the last checkpoint with %d images in a step, "
                "which is what batch normalisation sees from now on",
                stage.name,
                images,
            )
    if patience is not None:
        best = read_checkpoint(folder / f"{BEST}.ckpt")
        stage.load_state_dict(best["state_dict"], strict=not stage.frozen)


def step_size(settings: StageSettings, devices: int) -> int:
    """Return how many images one device computes at once.

    Raises:
        TrainingError: the images of an update cannot be shared evenly by the devices.
    """
    images = settings.images_per_step or settings.images_per_update // devices
    if images < 1 or settings.images_per_update % (images * devices):
        raise TrainingError(
            f"images_per_update = {settings.images_per_update} is no multiple of "
            f"images_per_step = {max(images, 1)} times {devices} devices; change one of them"
        )
    return images


def smaller_step(images: int, settings: StageSettings, devices: int, name: str) -> int:
    """Return the next smaller number of images per step that divides an update evenly.

    Raises:
        TrainingError: a step has one image already.
    """
    for fewer in range(images // 2, 0, -1):
        if settings.images_per_update % (fewer * devices) == 0:
            return fewer
    raise TrainingError(
        f"{name}: memory ran out with a single image in a step; choose a smaller side or preset, "
        "or a machine with more memory. The last checkpoint is kept: --resume continues from it"
    )


def is_out_of_memory(fault: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a GPU or in PyTorch's CPU allocator."""
    return isinstance(fault, torch.OutOfMemoryError) or "can't allocate memory" in str(fault)


@contextmanager
def _lightning_speaks_only_of_trouble() -> Iterator[None]:
    """Keep Lightning's remarks on hardware, workers and other products out of the output."""
    theirs = logging.getLogger("lightning.pytorch")
    level = theirs.level
    theirs.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            warnings.filterwarnings("ignore", message="Checkpoint directory .* is not empty")
            # Lightning 2.6 asks torch's tree functions in a way that torch 2.13 deprecates.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
            yield
    finally:
        theirs.setLevel(level)


def _trainer(
    stage: Stage, images: int, folder: Path, curve: Path, compute: Machine, patience: int | None
) -> Trainer:
    settings = stage.settings
    return Trainer(
        accelerator=compute.device.type,
        devices=compute.devices,
        strategy="ddp_spawn" if compute.devices > 1 else "auto",
        precision=compute.precision_word,  # type: ignore[arg-type]  # Lightning lists each word
        max_epochs=math.ceil(settings.updates / settings.updates_per_epoch),
        accumulate_grad_batches=settings.images_per_update // (images * compute.devices),
        callbacks=_callbacks(stage, folder, curve, compute, patience),
        logger=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        plugins=[WholeCheckpoints()],
        enable_progress_bar=compute.progress,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )


def _callbacks(
    stage: Stage, folder: Path, curve: Path, compute: Machine, patience: int | None
) -> list[Callback]:
    callbacks: list[Callback] = [
        LastUpdate(),
        Curve(curve, stage.name, stage.settings),
        ModelCheckpoint(
            folder, LAST, save_on_train_epoch_end=True, enable_version_counter=False, save_top_k=1
        ),
    ]
    if compute.progress:
        callbacks.append(RichProgressBar())
    if patience is not None:
        callbacks += [
            EarlyStopping(HELD_OUT_IOU, patience=patience, mode="max"),
            ModelCheckpoint(
                folder, BEST, monitor=HELD_OUT_IOU, mode="max", enable_version_counter=False
            ),
        ]
    return callbacks
