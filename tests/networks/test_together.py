import pytest
import torch
from torch import nn

from decouplednet.networks import taps
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.initialisation import he
from decouplednet.networks.presets import preset_named
from decouplednet.networks.shortcuts import layer_by_layer
from decouplednet.networks.taps import halve_large_weights
from decouplednet.training.statistics import estimate_statistics

CLASSES = 3


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        ("tiny", 64, 96),
        ("tiny-skip", 96, 64),
        pytest.param("light", 96, 128, marks=pytest.mark.slow),
        pytest.param("skip", 112, 80, marks=pytest.mark.slow),
        pytest.param("fast", 112, 80, marks=pytest.mark.slow),
        pytest.param("vgg16", 256, 224, marks=pytest.mark.slow),
    ],
)
def test_maps_together_equal_each_by_itself_layer_by_layer(
    name: str, height: int, width: int
) -> None:
    torch.manual_seed(6)
    network = preset_named(name).build(CLASSES)
    he(network)
    freeze(network)
    parts = [network.get_submodule(part) for part in ("bridge", "decoder")]
    batch = torch.randn(3, 3, height, width), torch.eye(CLASSES, dtype=torch.bool)
    estimate_statistics(network, parts, [batch], torch.device("cpu"), None)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image, index = torch.randn(2, 3, height, width), torch.tensor([1, 0, 1])
    seed = torch.tensor([[1.0, 0.0, 0.6], [0.0, 0.9, 0.0], [0.0, 0.7, 0.0]])

    with torch.inference_mode():
        traced = network.see(image)
        g = network.activation(traced, index, seed, seed > 0)
        together = network.decode(g, traced, index)

    first, others = torch.zeros(1, dtype=torch.int64), list[torch.Tensor]()
    for place, of_image in enumerate(index.tolist()):
        with layer_by_layer():
            alone = network.see(image[of_image : of_image + 1])
        asked = seed[place : place + 1]
        with layer_by_layer(), torch.no_grad():
            g = network.activation(alone, first, asked, asked > 0)
            expected = network.decode(g, alone, first)
        scale = float(expected.abs().max())
        assert float(expected.std()) > 0.1 * scale  # it is not the same everywhere
        others.append(expected)
        torch.testing.assert_close(
            together[place : place + 1], expected, rtol=0, atol=1e-4 * max(1.0, scale)
        )
    assert float((others[0] - others[2]).abs().max()) > 0.01 * scale  # of one image


def test_a_network_with_halved_kernels_gives_about_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(6)
    network = preset_named("tiny").build(CLASSES).eval()
    nn.init.normal_(network.classifier.head.score.weight)
    image, index = torch.randn(1, 3, 64, 96), torch.zeros(2, dtype=torch.int64)
    seed = torch.tensor([[1.0, 0.0, 0.6], [0.0, 0.9, 0.0]])

    def scores() -> torch.Tensor:
        with torch.inference_mode():
            traced = network.see(image)
            return network.decode(network.activation(traced, index, seed), traced, index)

    expected = scores()
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", 0)
    halve_large_weights(network, torch.bfloat16)
    got = scores()

    assert network.classifier.head.fc6.weight.dtype == torch.bfloat16
    assert got.dtype == torch.float32
    assert 0 < float((got - expected).abs().max()) < 0.1 * float(expected.abs().max())
