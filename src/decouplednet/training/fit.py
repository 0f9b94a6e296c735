"""One optimisation run by Lightning: checkpoints, resuming, smaller steps when memory runs out."""

import logging
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Dataset

from decouplednet.errors import TrainingError
from decouplednet.settings import StageSettings
from decouplednet.training.checkpoints import read_checkpoint
from decouplednet.training.machine import Machine
from decouplednet.training.stages import Feed, Stage
from decouplednet.training.trainer import (
    BEST,
    LAST,
    faults_are_ours,
    only_trouble_is_told,
    trainer_for,
)

logger = logging.getLogger(__name__)


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
    images, finished = step_size(stage.settings, compute.devices), False
    while not finished:
        stage.feed = Feed(examples, images, compute.workers)
        trainer = trainer_for(stage, folder, curve, compute, patience)
        finished = _finishes(trainer, stage, folder / f"{LAST}.ckpt", held_out)
        if not finished:
            images = smaller_step(images, stage.settings, compute.devices, stage.name)
    if patience is not None:
        best = read_checkpoint(folder / f"{BEST}.ckpt")
        stage.load_state_dict(best["state_dict"], strict=not stage.frozen)


@only_trouble_is_told()
def _finishes(trainer: Trainer, stage: Stage, last: Path, held_out: Dataset[Any] | None) -> bool:
    """Train from the last checkpoint, if there is one; return whether memory was enough."""
    images = stage.feed.images_per_step
    try:
        with faults_are_ours(trainer):
            trainer.fit(
                stage,
                val_dataloaders=DataLoader(held_out, batch_size=images) if held_out else None,
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )
    except RuntimeError as fault:
        if not is_out_of_memory(fault):
            raise
        return False
    return True


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
    """Return the next smaller number of images per step that divides an update evenly, and say so.

    Raises:
        TrainingError: a step has one image already.
    """
    for fewer in range(images // 2, 0, -1):
        if settings.images_per_update % (fewer * devices) == 0:
            logger.warning(
                "%s: memory ran out; going on from the last checkpoint with %d images in a step, "
                "which is what batch normalisation sees from now on",
                name,
                fewer,
            )
            return fewer
    raise TrainingError(
        f"{name}: memory ran out with a single image in a step; choose a smaller side or preset, "
        "or a machine with more memory. What was trained is kept: resume it there (--resume, "
        "resume=True)"
    )


def is_out_of_memory(fault: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a GPU or in PyTorch's CPU allocator."""
    return isinstance(fault, torch.OutOfMemoryError) or "can't allocate memory" in str(fault)
