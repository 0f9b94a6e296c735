import io
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from decouplednet.errors import SettingsError
from decouplednet.networks import presets
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.initialisation import Initialise, gaussian, he
from decouplednet.networks.modern import MODERN
from decouplednet.networks.part import Part
from decouplednet.networks.pooling import MAX_POOLING, TopKPooling
from decouplednet.networks.presets import (
    PRESETS,
    Build,
    Preset,
    check_side,
    fast,
    light,
    preset_named,
    skip,
    tiny,
    tiny_skip,
    vgg16,
)
from decouplednet.settings import Settings

CLASSES = 3


def parameters(module: Part) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_paper_s_network_has_the_paper_s_numbers_of_parameters() -> None:
    with torch.device("meta"):
        network = vgg16(20)

    assert parameters(network.classifier) == 134_342_484
    assert parameters(network.bridge) == 158_350_848
    assert parameters(network.decoder) == 14_757_058


def test_light_has_the_papers_encoder_and_decoder_and_a_small_head_and_bridge() -> None:
    with torch.device("meta"):
        network, paper = light(20), vgg16(20)

    assert parameters(network.classifier.encoder) == parameters(paper.classifier.encoder)
    assert parameters(network.decoder) == parameters(paper.decoder)
    assert network.classifier.head.fc6.weight.shape == (512, 512, 3, 3)
    assert network.classifier.head.fc7.weight.shape == (512, 512, 1, 1)
    assert network.state_dict()["bridge.layers.0.weight"].shape == (512, 1024, 3, 3)
    assert network.state_dict()["bridge.layers.6.weight"].shape == (512, 512, 3, 3)


def test_skip_has_light_s_encoder_and_head_and_a_smaller_bridge_and_decoder() -> None:
    with torch.device("meta"):
        network, like = skip(20), light(20)

    assert network.classifier.state_dict().keys() == like.classifier.state_dict().keys()
    assert parameters(network.classifier) == parameters(like.classifier)
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert shapes["bridge.layers.0.0.weight"] == (512, 2 * 512 + 2, 3, 3)
    assert shapes["bridge.layers.1.0.weight"] == (256, 512, 3, 3)
    assert [shapes[f"decoder.laterals.{place}.0.weight"] for place in range(4)] == [
        (128, 512, 1, 1),
        (128, 512, 1, 1),
        (64, 256, 1, 1),
        (32, 128, 1, 1),
    ]
    convolutions = [
        shapes[key]
        for key in shapes
        if key.startswith("decoder.levels") and key.endswith(".0.weight")
    ]
    assert convolutions == [
        (256, 256 + 128, 3, 3),
        (256, 256, 3, 3),
        (128, 256 + 128, 3, 3),
        (128, 128, 3, 3),
        (96, 128 + 64, 3, 3),
        (64, 96 + 32, 3, 3),
    ]
    assert shapes["decoder.score.weight"] == (2, 64, 1, 1)
    learnt, plain = (parameters(n.bridge) + parameters(n.decoder) for n in (network, like))
    assert 2 < plain / learnt < 4


def test_sides_weights_and_kernels_are_the_published_ones() -> None:
    table = [
        (p.name, p.side, p.default_weights, p.kernel, p.bridge_kernel, p.stride) for p in PRESETS
    ]

    assert table == [
        ("light", 160, "imagenet", 3, 3, 32),
        ("vgg16", 320, "imagenet", 7, 7, 32),
        ("skip", 160, "imagenet", 5, 1, 16),
        ("fast", 160, "imagenet", 5, 1, 16),
        ("tiny", 96, "none", 1, 1, 32),
        ("tiny-skip", 96, "none", 1, 1, 32),
    ]


def test_skip_and_fast_alone_of_these_pool_the_highest_scores_by_default() -> None:
    assert {p.name: p.pooling for p in PRESETS} == {
        "light": "max",
        "vgg16": "max",
        "skip": "top-k",
        "fast": "top-k",
        "tiny": "max",
        "tiny-skip": "max",
    }


def test_settings_offer_the_presets_that_there_are() -> None:
    names = Settings.model_fields["preset"].annotation

    assert set(names.__args__) == {MODERN, *(p.name for p in PRESETS)}  # type: ignore[union-attr]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: str(preset.name))
def test_a_preset_s_own_frame_fits_it(preset: Preset) -> None:
    check_side(preset, preset.side, preset.side)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: str(preset.name))
def test_the_kernel_of_a_preset_is_what_its_head_sees(preset: Preset) -> None:
    with torch.device("meta"):
        network = preset.build(2)

    fc6 = network.classifier.head.fc6
    for taps, apart in zip(fc6.kernel_size, fc6.dilation, strict=True):
        assert (taps - 1) * apart + 1 == preset.kernel
    assert network.classifier.encoder.stride == preset.stride


@pytest.mark.parametrize("build", [vgg16, light, skip, fast, tiny, tiny_skip])
def test_the_number_of_classes_the_dropout_and_the_pooling_can_be_chosen(build: Build) -> None:
    with torch.device("meta"):
        network = build(11, dropout=0.25, pooling=TopKPooling(top_share=0.5))
        usual = build(11)

    assert network.classifier.head.score.out_channels == 11
    assert network.classifier.head.dropout.p == 0.25
    assert network.classifier.head.pooling == TopKPooling(top_share=0.5)
    assert usual.classifier.head.dropout.p == 0.5
    assert usual.classifier.head.pooling == MAX_POOLING


def test_only_the_tiny_ones_normalise_inside_the_encoder() -> None:
    with torch.device("meta"):
        encoders = [p.build(2).classifier.encoder for p in PRESETS]

    normalised = [any(isinstance(m, nn.BatchNorm2d) for m in e.modules()) for e in encoders]
    assert normalised == [False, False, False, False, True, True]


def test_presets_are_found_by_name() -> None:
    built = {
        "light": light,
        "vgg16": vgg16,
        "skip": skip,
        "fast": fast,
        "tiny": tiny,
        "tiny-skip": tiny_skip,
    }

    assert {name: preset_named(name).build for name in built} == built


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"^there is no preset 'vgg'; did you mean vgg16\?$"):
        preset_named("vgg")
    message = (
        r"^there is no preset 'resnet'; the presets are light, vgg16, skip, fast, tiny, tiny-skip$"
    )
    with pytest.raises(SettingsError, match=message):
        preset_named("resnet")


@pytest.mark.parametrize(
    ("height", "width", "fault"),
    [
        (100, 128, "height 100 must be a multiple of 32 and at least 96; the nearest is 96"),
        (128, 120, "width 120 must be a multiple of 32 and at least 96; the nearest is 128"),
        (64, 128, "height 64 must be a multiple of 32 and at least 96; the nearest is 96"),
        (128, 0, "width 0 must be a multiple of 32 and at least 96; the nearest is 96"),
    ],
)
def test_a_size_that_does_not_fit_is_refused(height: int, width: int, fault: str) -> None:
    with pytest.raises(SettingsError, match=f"^preset light: {re.escape(fault)}$"):
        check_side(preset_named("light"), height, width)


def test_one_seed_gives_one_network() -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.detach().flatten() for p in tiny(2).parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize(
    ("preset", "initialise"),
    [(vgg16, gaussian), (light, he), (skip, he), (fast, he), (tiny, he), (tiny_skip, he)],
)
def test_new_layers_start_by_the_paper_in_vgg16_and_by_he_elsewhere(
    preset: Build, initialise: Initialise, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Initialise] = []

    def noted(part: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        def build(*arguments: object, initialise: Initialise, **named: object) -> nn.Module:
            given.append(initialise)
            return part(*arguments, initialise=initialise, **named)

        return build

    for name in (
        "ClassificationHead",
        "Bridge",
        "PaddedBridge",
        "DeconvolutionNetwork",
        "SkipDecoder",
    ):
        monkeypatch.setattr(presets, name, noted(getattr(presets, name)))
    with torch.device("meta"):
        preset(2)

    assert given == [initialise] * 3


# What every preset must be able to do. The large ones take seconds: slow tests.


@pytest.fixture(
    scope="module",
    params=[
        "tiny",
        "tiny-skip",
        pytest.param("skip", marks=pytest.mark.slow),
        pytest.param("fast", marks=pytest.mark.slow),
        pytest.param("light", marks=pytest.mark.slow),
        pytest.param("vgg16", marks=pytest.mark.slow),
    ],
)
def preset(request: pytest.FixtureRequest) -> Preset:
    return preset_named(request.param)


@pytest.fixture(scope="module")
def network(preset: Preset) -> DecoupledNet:
    torch.manual_seed(0)
    built = preset.build(CLASSES)
    freeze(built.classifier)
    return built


def smallest(preset: Preset, count: int) -> tuple[Tensor, Tensor]:
    """Return the smallest images that are not square, and the classes asked for."""
    rng = torch.Generator().manual_seed(1)
    side = preset.stride * preset.kernel
    asked = torch.tensor([[True, False, True], [False, True, False]])
    return torch.randn(count, 3, side, side + preset.stride, generator=rng), asked[:count]


def test_a_non_square_image_gives_a_map_of_its_size(preset: Preset, network: DecoupledNet) -> None:
    image, asked = smallest(preset, 2)
    network.eval()

    with torch.no_grad():
        scores = network(image, asked)

    assert scores.shape == (2, 2, *image.shape[2:])
    assert scores.isfinite().all()


def test_an_image_in_a_batch_is_treated_as_by_itself(preset: Preset, network: DecoupledNet) -> None:
    image, asked = smallest(preset, 2)
    network.eval()

    with torch.no_grad():
        together = network(image, asked)
        apart = torch.cat([network(image[i : i + 1], asked[i : i + 1]) for i in range(2)])

    tolerance = 1e-3 * float(together.std())
    torch.testing.assert_close(together, apart, rtol=1e-3, atol=tolerance)


def test_saving_and_loading_gives_the_same_network(preset: Preset, network: DecoupledNet) -> None:
    image, asked = smallest(preset, 1)
    network.eval()
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    with torch.device("meta"):
        loaded = preset.build(CLASSES)

    loaded.load_state_dict(torch.load(file, weights_only=True), assign=True)

    with torch.no_grad():
        assert torch.equal(loaded.eval()(image, asked), network(image, asked))


def test_a_training_step_changes_bridge_and_decoder_and_never_the_classifier(
    preset: Preset, network: DecoupledNet
) -> None:
    image, asked = smallest(preset, 2)
    network.train()
    network.classifier.eval()
    before = {k: t.clone() for k, t in network.classifier.state_dict().items()}
    network.zero_grad()

    network(image, asked)[:, 0].square().mean().backward()

    assert not any(part.training for part in network.classifier.modules())
    assert all(torch.equal(t, before[k]) for k, t in network.classifier.state_dict().items())
    assert all(p.grad is None for p in network.classifier.parameters())
    for part in (network.bridge, network.decoder):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in part.parameters())
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())
    network.zero_grad()


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: str(preset.name))
def test_a_preset_says_whether_its_bridge_sees_evidence(preset: Preset) -> None:
    with torch.device("meta"):
        bridge = preset.build(3).bridge

    assert preset.evidence == getattr(bridge, "evidence", False)
