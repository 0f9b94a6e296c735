from collections.abc import Callable
from math import sqrt

import pytest
import torch
from torch import nn

from decouplednet.networks.initialisation import Initialise, gaussian, he


class Layers(nn.Module):
    """One layer of each kind that is started."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(40, 90, 3)
        self.norm = nn.BatchNorm2d(90)
        self.wide = nn.ConvTranspose2d(90, 30, 3)


def test_gaussian_gives_the_papers_new_layers() -> None:
    module = Layers()
    gaussian(module)

    for weight, bias in (
        (module.narrow.weight, module.narrow.bias),
        (module.wide.weight, module.wide.bias),
    ):
        assert float(weight.detach().std()) == pytest.approx(0.01, rel=0.05)
        assert float(weight.detach().mean()) == pytest.approx(0, abs=2e-4)
        assert bias is not None
        assert not bias.any()
    assert torch.equal(module.norm.weight, torch.ones(90))
    assert torch.equal(module.norm.bias, torch.full((90,), 0.001))


def test_he_divides_by_the_inputs_of_each_output() -> None:
    module = Layers()
    he(module)

    deviations = [float(layer.weight.detach().std()) for layer in (module.narrow, module.wide)]
    assert deviations == pytest.approx([sqrt(2 / (40 * 9)), sqrt(2 / (90 * 9))], rel=0.05)
    assert module.narrow.bias is not None
    assert not module.narrow.bias.any()


def test_he_leaves_batch_normalisation_neutral() -> None:
    module = Layers()
    module.norm.weight.data.fill_(5)
    module.norm.bias.data.fill_(5)
    he(module)

    assert torch.equal(module.norm.weight, torch.ones(90))
    assert torch.equal(module.norm.bias, torch.zeros(90))


@pytest.mark.parametrize("initialise", [gaussian, he])
def test_one_seed_gives_one_start(initialise: Initialise) -> None:
    def start(seed: int) -> torch.Tensor:
        module = Layers()
        torch.manual_seed(seed)
        initialise(module)
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    assert torch.equal(start(1), start(1))
    assert not torch.equal(start(1), start(2))


@pytest.mark.parametrize(
    "build",
    [lambda: nn.Conv2d(2, 3, 1, bias=False), lambda: nn.ConvTranspose2d(2, 3, 1, bias=False)],
)
@pytest.mark.parametrize("initialise", [gaussian, he])
def test_a_layer_without_bias_is_started(
    build: Callable[[], nn.Module], initialise: Initialise
) -> None:
    layer = build()
    initialise(layer)

    assert layer.bias is None
