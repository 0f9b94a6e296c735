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
    assert sum(size.weights for size in (*cost.group_sizes, cost.head_size)) == 134_342_484
    assert cost.segmenter_size.weights == 158_350_848 + 14_757_058
    assert cost.segmenter_size.kept_bytes > 100 * 320 * 320
    assert [size.given for size in cost.group_sizes] == [
        width * (160 >> group) ** 2 for group, width in enumerate((64, 128, 256, 512, 512))
    ]


def test_a_map_takes_skip_a_fifth_of_the_operations_and_a_third_of_the_memory_of_light() -> None:
    skip, light = (cost_of(preset_named(name), 6, 160) for name in ("skip", "light"))
    assert skip.groups == light.groups
    assert skip.head / light.head == pytest.approx((10 - 4) ** 2 / (5 - 2) ** 2), "a finer grid"
    assert light.segmenter / skip.segmenter == pytest.approx(5, abs=0.3)
    memory = light.segmenter_size.kept_bytes / skip.segmenter_size.kept_bytes
    assert memory == pytest.approx(3, abs=0.5)


def test_the_cost_of_skip_is_that_of_its_layers() -> None:
    cost = cost_of(preset_named("skip"), 6, 160)
    bridge = 100 * 9 * (1026 * 512 + 512 * 256)
    laterals = 100 * 512 * 128 + 400 * 512 * 128 + 1600 * 256 * 64 + 6400 * 128 * 32
    levels = 9 * (100 * (384 * 256 + 256 * 256) + 400 * (384 * 128 + 128 * 128))
    levels += 9 * (1600 * 192 * 96 + 6400 * 128 * 64)
    assert cost.segmenter == pytest.approx(2 * (bridge + laterals + levels + 6400 * 64 * 2))


def test_the_cost_of_fast_is_that_of_its_layers() -> None:
    cost = cost_of(preset_named("fast"), 6, 160)
    bridge = 100 * 9 * (1026 * 256 + 256 * 128)
    laterals = 100 * 512 * 96 + 400 * 512 * 64 + 1600 * 256 * 48
    levels = 9 * (100 * (224 * 160 + 160 * 160) + 400 * 224 * 96 + 1600 * 144 * 64)
    assert cost.segmenter == pytest.approx(2 * (bridge + laterals + levels + 1600 * 64 * 2))


def test_a_part_keeps_the_inputs_of_its_convolutions_once_and_its_switches() -> None:
    first = cost_of(preset_named("light"), 3, 96).group_sizes[0]
    assert first.weights == 3 * 64 * 9 + 64 + 64 * 64 * 9 + 64
    inputs = 4 * 96 * 96 * (3 + 64 + 64)  # of both convolutions and of the pooling, float32
    assert first.kept_bytes == inputs + 8 * 64 * 48 * 48


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
