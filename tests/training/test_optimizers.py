"""Schedules by worked examples, and which parameters decay."""

import pytest
import torch
from torch import nn

from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.optimizers import (
    learning_rate_factor,
    optimizer_for,
    parameter_groups,
)


def _settings(**changes: object) -> SegmenterSettings:
    return SegmenterSettings.model_validate({"updates": 100, "warmup_updates": 0, **changes})


def test_the_linear_schedule_falls_from_one_to_zero() -> None:
    settings = _settings(schedule="linear")
    assert [learning_rate_factor(update, settings) for update in (0, 25, 50, 100)] == [
        1.0,
        0.75,
        0.5,
        0.0,
    ]


def test_the_steps_of_the_paper_cut_tenfold_every_so_many_updates() -> None:
    settings = _settings(schedule="steps", decay_every=40)
    factors = [learning_rate_factor(update, settings) for update in (0, 39, 40, 80)]
    assert factors == pytest.approx([1.0, 1.0, 0.1, 0.01])


def test_the_constant_schedule_does_not_change() -> None:
    settings = _settings(schedule="constant")
    assert {learning_rate_factor(update, settings) for update in (0, 50, 99)} == {1.0}


def test_warm_up_takes_at_most_a_tenth_of_the_updates() -> None:
    settings = _settings(schedule="constant", updates=10, warmup_updates=20)
    assert [learning_rate_factor(update, settings) for update in (0, 1, 9)] == [0.5, 1.0, 1.0]


def test_warm_up_rises_evenly_from_above_zero() -> None:
    settings = _settings(schedule="constant", warmup_updates=3)
    factors = [learning_rate_factor(update, settings) for update in range(5)]
    assert factors == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_biases_and_normalisation_do_not_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    weights, others = parameter_groups(network, _settings(weight_decay=0.3))
    assert [tuple(parameter.shape) for parameter in weights["params"]] == [(4, 3, 3, 3)]
    assert weights["weight_decay"] == 0.3
    assert len(others["params"]) == 3
    assert others["weight_decay"] == 0.0
    assert weights["lr"] == others["lr"]


def test_biases_learn_twice_as_fast_under_sgd() -> None:
    network = nn.Conv2d(3, 4, 3)
    optimizer, _ = optimizer_for(network, _settings(optimizer="sgd", learning_rate=0.02))
    assert isinstance(optimizer, torch.optim.SGD)
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.04]
    assert [group["momentum"] for group in optimizer.param_groups] == [0.9, 0.9]


def test_frozen_parameters_are_left_to_no_optimiser() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 1))
    network[0].requires_grad_(False)
    optimizer, schedule = optimizer_for(network, _settings(learning_rate=0.1))
    assert isinstance(optimizer, torch.optim.AdamW)
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in network[1].parameters()}
    assert schedule.get_last_lr() == [0.1, 0.1]
