"""What a step is said to cost."""

import time

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.flop_counter import FlopCounterMode

from decouplednet.networks.presets import preset_named
from decouplednet.training.estimate import cost_of, operations_per_second


def test_the_cost_of_the_paper_network_is_that_of_its_layers() -> None:
    cost = cost_of(preset_named("vgg16"), 20, 320)
    # VGG-16 at 320 x 320: 62.6 GFLOP with a multiply-add counted as two.
    assert sum(cost.groups) == pytest.approx(62.6e9, rel=0.01)
    head = 2 * 16 * (512 * 49 * 4096 + 4096 * 4096 + 4096 * 20)
    assert cost.head == pytest.approx(head, rel=0.001)
    assert cost.frozen_bytes == 4 * 134_342_484
    assert cost.trained_bytes == 16 * (158_350_848 + 14_757_058)
    assert cost.kept_bytes > 100 * 320 * 320


@pytest.mark.parametrize(
    ("precision", "computed"), [(None, "float32"), (torch.bfloat16, "bfloat16")]
)
def test_the_machine_s_rate_is_the_operations_over_the_seconds_of_the_fastest_trial(
    precision: torch.dtype | None, computed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [9.0, 2.5, 30.0, 4.0, 9.0, 9.0, 9.0, 9.0]  # seconds; others were computing meanwhile
    clock = iter([moment for seconds in trials for moment in (100.0, 100.0 + seconds)])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    kinds: list[torch.dtype] = []

    def note(module: nn.Module, given: object, result: torch.Tensor) -> None:
        kinds.append(result.dtype)

    hook = register_module_forward_hook(note)
    with hook, FlopCounterMode(display=False) as counter:
        rate = operations_per_second(torch.device("cpu"), precision)

    assert set(kinds) == {getattr(torch, computed)}
    timed = len(kinds) - 1  # the first one only warms up
    operations = counter.get_total_flops() / len(kinds)
    assert rate == pytest.approx(operations * timed / len(trials) / 2.5)
