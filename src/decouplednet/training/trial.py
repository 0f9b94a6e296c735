"""How fast this machine does the pieces of a run, tried out on some of its own images."""

from collections.abc import Callable
from itertools import count
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor
from torch.utils.data import default_collate

from decouplednet.errors import TrainingError
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.precision import mixed_precision
from decouplednet.training.choices import trained_groups
from decouplednet.training.classifier import UpperClassifier, frozen_part, tagged_images
from decouplednet.training.estimate import wait
from decouplednet.training.fit import is_out_of_memory
from decouplednet.training.losses import class_weights
from decouplednet.training.machine import Machine
from decouplednet.training.optimizers import optimizer_for
from decouplednet.training.pace import Clock
from decouplednet.training.plan import Plan
from decouplednet.training.segmenter import masked_images
from decouplednet.training.stages import MaskStage, Stage, TagStage
from decouplednet.training.step_size import step_size
from decouplednet.training.survey import Piece, Speed
from decouplednet.training.timetable import (
    saving_seconds,
    seconds_per_label,
    seconds_per_prediction,
)

IMAGES = 4  # of a piece, where a step has not fewer
TIMES = 2  # that a piece is timed, after a first time that warms up


def try_out(network: DecoupledNet, plan: Plan, clock: Clock) -> Speed:
    """Return what the pieces of a run take.

    Args:
        network: of the plan; it is trained meanwhile and of no use afterwards.
        plan: of the run.
        clock: by which the pieces are timed.

    Raises:
        DataError: an image or mask cannot be read.
        TrainingError: memory ran out.
    """
    network.to(plan.machine.device)
    try:
        read, view, tags = _tag_pieces(network, plan, clock)
        freeze(network.classifier)
        masks = _mask_piece(network, plan, clock)
        prediction = seconds_per_prediction(network, plan, clock)
        label = seconds_per_label(network, plan, clock)
    except RuntimeError as fault:
        if not is_out_of_memory(fault):
            raise
        raise TrainingError(
            f"memory ran out for {IMAGES} images of {plan.side} pixels with preset "
            f"{plan.preset.name}; choose a smaller side or preset, or a machine with more memory"
        ) from None
    return Speed(
        side=plan.side,
        window_side=plan.window_side,
        view=view,
        tags=tags,
        masks=masks,
        prediction=Piece(read, max(0.0, prediction - read)),
        label=Piece(read, max(0.0, label - read)),
        saving=saving_seconds(network),
    )


def _tag_pieces(network: DecoupledNet, plan: Plan, clock: Clock) -> tuple[float, Piece, Piece]:
    """Return the seconds to read an image, the piece of a view and that of stage 1."""
    settings, where = plan.settings.classifier, plan.machine
    upper = UpperClassifier(network.classifier, trained_groups(plan.settings))
    examples, number = tagged_images(plan), count()

    def see() -> Tensor:
        views = (examples.view(next(number) % len(examples.records), 0) for _ in range(IMAGES))
        return torch.stack([view.image for view in views])

    read = _seconds(see, where, clock) / IMAGES
    images, step = see(), step_size(settings, where.devices)
    if upper.lowest == 0:
        step, view = min(step, IMAGES), Piece(0.0, 0.0)
        kept, again = images, read
    else:
        frozen = frozen_part(upper, plan)
        view = Piece(read, _seconds(lambda: frozen.features(images), where, clock) / IMAGES)
        kept, again = torch.from_numpy(frozen.features(images)).float(), 0.0
    places = torch.arange(step)
    batch = kept[places % IMAGES], examples.tags[places % len(examples.tags)]
    weight = class_weights(examples.tags, settings.largest_class_weight)
    stage = TagStage(upper, settings, weight=weight, seed=plan.settings.seed)
    return read, view, Piece(again, _seconds_of_update(stage, batch, where, clock) / step)


def _mask_piece(network: DecoupledNet, plan: Plan, clock: Clock) -> Piece:
    """Return the piece of stage 2."""
    settings, where = plan.settings.segmenter, plan.machine
    fewest = plan.fewest_images(plan.window_side)
    step = max(fewest, min(step_size(settings, where.devices), 2 * IMAGES))
    windows = masked_images(plan, plan.roles.masks)
    number = count()

    def draw() -> list[Any]:
        return [windows[next(number)] for _ in range(step)]

    read = _seconds(draw, where, clock) / step
    stage = MaskStage(network, settings, seed=plan.settings.seed)
    batch = default_collate(draw())
    return Piece(read, _seconds_of_update(stage, batch, where, clock) / step)


def _seconds_of_update(
    stage: Stage, batch: tuple[Tensor, ...], where: Machine, clock: Clock
) -> float:
    """Return the seconds of an update from one step, its batch being in memory."""
    stage.to(where.device)
    optimizer, _ = optimizer_for(stage.network, stage.settings, stage.rate_of)

    def update() -> None:
        optimizer.zero_grad()
        with mixed_precision(where.device, where.precision):
            loss = stage.loss(move_data_to_device(batch, where.device))
        torch.autograd.backward(loss)
        optimizer.step()

    return _seconds(update, where, clock)


def _seconds(work: Callable[[], object], where: Machine, clock: Clock) -> float:
    """Return the seconds that some work takes once it has been done before."""
    work()
    wait(where.device)
    begun = clock()
    for _ in range(TIMES):
        work()
    wait(where.device)
    return (clock() - begun) / TIMES
