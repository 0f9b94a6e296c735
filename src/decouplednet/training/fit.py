"""One optimisation run by Lightning: checkpoints, resuming, smaller steps when memory runs out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from decouplednet.training.averaging import AVERAGE
from decouplednet.training.checkpoints import check_fit, read_checkpoint
from decouplednet.training.machine import Machine
from decouplednet.training.pace import Clock, pace_of
from decouplednet.training.stages import SECONDS, Feed, Stage
from decouplednet.training.step_size import smaller_step, step_size
from decouplednet.training.trainer import (
    BEST,
    LAST,
    faults_are_ours,
    only_trouble_is_told,
    patience_left,
    trainer_for,
)
from decouplednet.training.waiting import STATE, share_waited


def fit(
    stage: Stage,
    examples: Dataset[Any],
    *,
    folder: Path,
    curve: Path,
    compute: Machine,
    held_out: Dataset[Any] | None = None,
    patience: int | None = None,
    fewest: int = 1,
    clock: Clock = time.perf_counter,
) -> None:
    """Run a stage to its end, from its last checkpoint if there is one.

    The stage ends with its averaged weights where its settings give ``average``.

    When memory runs out, the step is halved, twice as many steps make an update, and the stage
    goes on from its last checkpoint, or from its start. Batch normalisation then sees smaller
    batches.

    Args:
        stage: what is trained, in place.
        examples: indexed by draw number.
        folder: of the checkpoints.
        curve: the file of the learning curve.
        compute: where.
        held_out: examples that decide when to stop, with ``patience``.
        patience: epochs without gain on ``held_out`` before the stage stops; the best epoch's
            weights are kept.
        fewest: images that a step may have.
        clock: times its steps, and ends the stage where its settings give ``minutes``.

    Raises:
        DataError: a checkpoint cannot be written.
        TrainingError: the loss became NaN or infinite, or memory ran out for the fewest
            images.
    """
    last = folder / f"{LAST}.ckpt"
    start = None if last.exists() else _on_cpu(stage.changing_state())
    images = step_size(stage.settings, compute.devices)
    stage.pace = pace_of(stage.settings, clock)
    finished = _has_ended(stage, last) or not patience_left(last, patience)
    while not finished:
        stage.feed = Feed(examples, images, compute.workers)
        trainer = trainer_for(stage, folder, curve, compute, patience)
        finished = _finishes(trainer, stage, last, held_out)
        if not finished:
            images = smaller_step(images, stage.settings, compute.devices, stage.name, fewest)
            if start and not last.exists():
                stage.load_state_dict(start, strict=not stage.frozen)
    if patience is not None or stage.settings.average:
        name = LAST if patience is None else BEST
        _take_result(stage, read_checkpoint(folder / f"{name}.ckpt"))


def _take_result(stage: Stage, checkpoint: dict[str, Any]) -> None:
    """Give a stage the weights of a checkpoint: the averaged ones where its settings say so."""
    state = checkpoint[AVERAGE if stage.settings.average else "state_dict"]
    stage.load_state_dict(state, strict=not stage.frozen)


def _has_ended(stage: Stage, last: Path) -> bool:
    """Return whether the time of a stage was over at its last checkpoint, and read that back.

    Lightning itself knows when the updates were done, and trains no more.

    Args:
        stage: its pace given.
        last: the checkpoint; False where there is none.

    Raises:
        TrainingError: the checkpoint is damaged.
    """
    if not last.exists():
        return False
    checkpoint = read_checkpoint(last)  # refused here, before anything is trained
    seconds = stage.pace.seconds
    if seconds is None or checkpoint.get(SECONDS, 0.0) < seconds:
        return False
    check_fit(checkpoint["state_dict"], stage.changing_state(), last)
    stage.load_state_dict(checkpoint["state_dict"], strict=not stage.frozen)
    return True


def _on_cpu(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return copies that stay as they are while their originals are trained."""
    return {name: tensor.to("cpu", copy=True) for name, tensor in state.items()}


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


@dataclass(frozen=True, slots=True)
class Effort:
    """What a stage took until its last checkpoint, interrupted attempts included.

    Args:
        updates: of the weights.
        seconds: of its training.
        waiting: share of the time of its steps in which their images were awaited; None: not timed.
    """

    updates: int
    seconds: float
    waiting: float | None = None


def effort_of(*folders: Path) -> Effort:
    """Return what a stage took until its last checkpoint.

    Args:
        folders: of its checkpoints, one for each of its rounds; nothing was done where one has
            none.

    Raises:
        TrainingError: the last checkpoint is damaged.
    """
    updates, seconds, waiting = 0, 0.0, list[Mapping[str, float]]()
    for last in (folder / f"{LAST}.ckpt" for folder in folders):
        if last.exists():
            checkpoint = read_checkpoint(last)
            updates += int(checkpoint["global_step"])
            seconds += float(checkpoint.get(SECONDS, 0.0))
            callbacks = checkpoint.get("callbacks", {})
            waiting += [callbacks[STATE]] if STATE in callbacks else []
    return Effort(updates, seconds, share_waited(waiting))


def is_out_of_memory(fault: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a GPU or in PyTorch's CPU allocator."""
    return isinstance(fault, torch.OutOfMemoryError) or "can't allocate memory" in str(fault)
