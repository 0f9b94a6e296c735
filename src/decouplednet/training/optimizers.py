"""The optimiser and the schedule of a stage."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from decouplednet.stage_settings import StageSettings
from decouplednet.training.pace import scheduled_updates

MOMENTUM = 0.9  # PAPER.md, facts of the original release
RateOf = Callable[[str], float]


def full_rate(name: str) -> float:
    """Return 1: every parameter learns at the stage's step size."""
    del name
    return 1.0


def learning_rate_factor(position: float, settings: StageSettings) -> float:
    """Return what the step size is multiplied by, somewhere in the schedule.

    Warm-up takes at most a tenth of the updates, so that a short stage leaves it.

    Args:
        position: updates of the schedule that are done; by the clock no whole number.
        settings: the schedule.

    Source:
        schedule "steps": PAPER.md, x 0.1 every ``decay_every`` updates.
    """
    updates = scheduled_updates(settings)
    warmup = min(settings.warmup_updates, updates // 10)
    warmth = min(1.0, (position + 1) / (warmup + 1))
    if settings.schedule == "linear":
        return warmth * max(0.0, 1.0 - position / updates)
    if settings.schedule == "steps" and settings.decay_every is not None:
        return warmth * float(0.1 ** (position // settings.decay_every))
    return warmth


def parameter_groups(
    module: nn.Module, settings: StageSettings, rate_of: RateOf = full_rate
) -> list[dict[str, Any]]:
    """Return groups of parameters: weights decay, biases and normalisation do not.

    Args:
        module: whose parameters with gradients are grouped.
        settings: step size and decay.
        rate_of: the share of the step size of a parameter, by its name.

    Source:
        SGD's biases learn at twice the rate, without decay: PAPER.md, facts of the release.
    """
    twice = 2.0 if settings.optimizer == "sgd" else 1.0
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            weight = parameter.ndim > 1
            decay = settings.weight_decay if weight else 0.0
            rate = rate_of(name) * (1.0 if weight else twice)
            groups.setdefault((decay, rate), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "lr": rate * settings.learning_rate}
        for (decay, rate), parameters in groups.items()
    ]


def optimizer_for(
    module: nn.Module,
    settings: StageSettings,
    rate_of: RateOf = full_rate,
    position: Callable[[int], float] = float,
) -> tuple[Optimizer, LambdaLR]:
    """Return the optimiser over the parameters that learn, and its schedule.

    Args:
        module: what is trained.
        settings: which optimiser, and how it steps.
        rate_of: the share of the step size of a parameter, by its name.
        position: where in the schedule the stage is, by the updates made.
    """
    groups = parameter_groups(module, settings, rate_of)
    optimizer: Optimizer
    if settings.optimizer == "sgd":
        optimizer = SGD(groups, lr=settings.learning_rate, momentum=MOMENTUM)
    else:
        optimizer = AdamW(groups, lr=settings.learning_rate)
    return optimizer, LambdaLR(
        optimizer, lambda update: learning_rate_factor(position(update), settings)
    )
