"""Statistics estimated again are plain averages over the batches."""

import torch
from torch import Tensor, nn

from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.presets import tiny
from decouplednet.training.statistics import estimate_statistics


def _network() -> DecoupledNet:
    torch.manual_seed(0)
    network = tiny(2)
    freeze(network.classifier)
    return network


def _batches() -> list[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(1)
    asked = torch.tensor([[True, False], [True, True], [False, True]])
    return [(torch.randn(3, 3, 96, 128, generator=rng), asked) for _ in range(2)]


def _estimate(network: DecoupledNet) -> None:
    parts = [network.get_submodule(name) for name in ("bridge", "decoder")]
    estimate_statistics(network, parts, _batches(), torch.device("cpu"), None)


def test_running_statistics_become_the_average_over_the_batches() -> None:
    network = _network()
    first = next(part for part in network.decoder.modules() if isinstance(part, nn.BatchNorm2d))
    seen: list[Tensor] = []
    first.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))

    _estimate(network)

    means = torch.stack([x.mean(dim=(0, 2, 3)) for x in seen])
    variances = torch.stack([x.transpose(0, 1).flatten(1).var(dim=1) for x in seen])
    assert len(seen) == 2
    assert first.running_mean is not None
    assert first.running_var is not None
    torch.testing.assert_close(first.running_mean, means.mean(dim=0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first.running_var, variances.mean(dim=0), atol=1e-5, rtol=1e-4)


def test_nothing_else_changes_and_the_usual_momentum_comes_back() -> None:
    network = _network()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    momenta = [part.momentum for part in network.modules() if isinstance(part, nn.BatchNorm2d)]

    _estimate(network)

    after = network.state_dict()
    changed = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert changed
    assert all("running_" in key or "num_batches" in key for key in changed)
    assert not [key for key in changed if key.startswith("classifier.")]
    kept = [part.momentum for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert kept == momenta
    assert not any(part.training for part in network.modules() if isinstance(part, nn.BatchNorm2d))
