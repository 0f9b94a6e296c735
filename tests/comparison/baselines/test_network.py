"""One network is encoder, bridge and decoder, and its frozen groups stay as they were."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from decouplednet.comparison.baselines.network import (
    OneNetwork,
    learning_groups,
    start_one_network,
)
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.modern import modern_preset
from decouplednet.networks.part import Part
from decouplednet.networks.presets import preset_named, tiny, vgg16
from decouplednet.networks.vgg import VGG
from tests.comparison.baselines.conftest import (
    CLASSES,
    plan_of,
    small_one_network,
    write_encoder,
)
from tests.networks.backbones import small_backbone


def image(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 64, 96, generator=torch.Generator().manual_seed(2))


def test_scores_equal_a_plain_reading_of_the_layers() -> None:
    network = small_one_network().eval()
    x, switches = image(), []
    assert isinstance(network.encoder, VGG)
    for layer in network.encoder.features:
        if isinstance(layer, nn.MaxPool2d):
            x, origin = F.max_pool2d(x, 2, return_indices=True)
            switches.append(origin)
        else:
            x = layer(x)
    x = network.get_submodule("bridge")(x, torch.zeros_like(x))
    groups = network.get_submodule("decoder.groups")
    assert isinstance(groups, nn.ModuleList)
    for group, origin in zip(groups, reversed(switches), strict=True):
        x = group(F.max_unpool2d(x, origin, [2, 2]))
    expected = network.get_submodule("decoder.score")(x)

    score = network(image())

    assert score.shape == (2, CLASSES + 1, 64, 96)
    torch.testing.assert_close(score, expected, rtol=1e-4, atol=1e-4)


def test_it_is_the_papers_size_but_for_head_saliency_and_outputs() -> None:
    with torch.device("meta"):
        network = OneNetwork(vgg16(20), 20, trained_groups=0)

    def weights(module: Part) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert weights(network.encoder) == 14_714_688
    assert weights(network.get_submodule("decoder")) == 14_757_058 + 19 * (64 + 1)
    assert weights(network.get_submodule("bridge")) == 158_350_848


class _NoModule:
    """A decoder that is no module of torch."""


class _NoConvolution(nn.Module):
    """A decoder whose score is no convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(3, 2)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (_NoModule(), r"^a decoder is a module; this one is a _NoModule$"),
        (_NoConvolution(), r"^a decoder's score is a convolution, not a Linear$"),
    ],
)
def test_a_decoder_whose_score_cannot_be_widened_is_refused(decoder: Any, message: str) -> None:
    whole = tiny(CLASSES)
    network = DecoupledNet(whole.classifier, whole.bridge, decoder)

    with pytest.raises(TypeError, match=message):
        OneNetwork(network, CLASSES, trained_groups=0)


@pytest.mark.parametrize("groups", [0, 2, 5])
def test_the_last_groups_of_convolutions_learn_and_no_others(groups: int) -> None:
    network = small_one_network(groups)
    network(image()).square().mean().backward()

    for number in range(5):
        layers = [one for one in network.encoder.group(number) if isinstance(one, nn.Conv2d)]
        learns = number >= 5 - groups
        assert all((layer.weight.grad is not None) == learns for layer in layers)
        assert all(layer.weight.requires_grad == learns for layer in layers)
    assert all(parameter.grad is not None for parameter in network.bridge.parameters())


def test_statistics_of_frozen_groups_stand_still_once_learning_starts_again() -> None:
    torch.manual_seed(0)
    network = OneNetwork(tiny(2), 2, trained_groups=2).eval()
    network.start_learning()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network(image())

    after = network.state_dict()
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    frozen = [layer for number in range(3) for layer in network.encoder.group(number)]
    names = {name for name, part in network.named_modules() if any(part is one for one in frozen)}
    assert moved
    assert not [key for key in moved if key.rpartition(".")[0] in names]
    assert all(part.training for part in (*network.bridge.modules(), *network.decoder.modules()))


@pytest.mark.parametrize(("groups", "momentum"), [(0, None), (1, 0.1)])
def test_pool5_is_averaged_over_all_batches_where_the_encoder_stands_still(
    groups: int, momentum: float | None
) -> None:
    norm = small_one_network(groups).get_submodule("bridge.pool5_norm")

    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.momentum == momentum


def test_it_starts_from_the_weights_and_the_seed_of_the_run(shapes: Path, tmp_path: Path) -> None:
    file = write_encoder(tmp_path / "w.safetensors")
    state, weights = load_file(file), f"classifier.weights={file}"
    one, other, another = (
        start_one_network(plan_of(shapes, weights, f"seed={seed}")) for seed in (3, 3, 4)
    )

    for key, value in one.encoder.state_dict().items():
        assert torch.equal(value, state[key])
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(*(each.get_parameter("decoder.score.weight") for each in (one, another)))
    assert one.class_count == 3


@pytest.mark.parametrize(
    ("changes", "learn"),
    [
        ((), 5),  # from scratch
        (("classifier.weights=FILE",), 3),
        (("classifier.weights=FILE", "self_training.trained_groups=1"), 1),
        (("classifier.weights=FILE", "self_training.trained_groups=0"), 0),
        (("classifier.weights=FILE", "classifier.trained_groups=4"), 4),
    ],
)
def test_as_many_groups_learn_as_in_a_stage_of_ours(
    changes: tuple[str, ...], learn: int, shapes: Path, tmp_path: Path
) -> None:
    weights = write_encoder(tmp_path / "w.safetensors")
    plan = plan_of(shapes, *(change.replace("FILE", str(weights)) for change in changes))
    network = start_one_network(plan)

    assert learning_groups(plan) == learn
    assert network.lowest == 5 - learn
    for number in range(5):
        of_group = [w for layer in network.encoder.group(number) for w in layer.parameters()]
        assert all(weight.requires_grad == (number >= 5 - learn) for weight in of_group)


def test_a_backbone_of_one_group_learns_as_a_whole(shapes: Path) -> None:
    plan = plan_of(shapes, "self_training.trained_groups=3", "classifier.trained_groups=0")

    assert learning_groups(replace(plan, preset=modern_preset(small_backbone("dinov2")))) == 1


@pytest.mark.parametrize("preset", ["tiny", "tiny-skip"])
def test_every_preset_can_be_one_network(preset: str) -> None:
    network = OneNetwork(preset_named(preset).build(4), 4, trained_groups=1).eval()

    assert network(image()).shape == (2, 5, 64, 96)


@pytest.mark.parametrize("groups", [0, 1])
def test_preset_modern_can_be_one_network_too(groups: int) -> None:
    preset = modern_preset(small_backbone("dinov2"))
    network = OneNetwork(preset.build(4), 4, trained_groups=groups).eval()

    assert network(torch.randn(2, 3, 42, 56)).shape == (2, 5, 42, 56)
    assert network.lowest == 1 - groups
    assert all(weight.requires_grad == bool(groups) for weight in network.encoder.parameters())
