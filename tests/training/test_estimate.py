"""What a step is said to cost."""

import pytest
import torch

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


def test_the_machine_reaches_some_operations() -> None:
    assert operations_per_second(torch.device("cpu"), None) > 0
