import io

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.errors import SettingsError
from decouplednet.networks.backbone import Backbone, BackboneEncoder
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.modern import MODERN, modern, modern_preset, preset_with
from decouplednet.networks.padded_bridge import PaddedBridge
from decouplednet.networks.pooling import MAX_POOLING, LogSumExpPooling, Pooling, TopKPooling
from decouplednet.networks.presets import check_side
from decouplednet.networks.saliency import class_saliency
from decouplednet.networks.skip_decoder import SkipDecoder
from tests.networks.backbones import FAMILIES, images_for, small_backbone

CLASSES = 4
ASKED = torch.tensor([[True, False, True, False], [False, True, False, False]])


@pytest.fixture(scope="module", params=FAMILIES)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return small_backbone(request.param)


@pytest.fixture(scope="module")
def network(backbone: Backbone) -> DecoupledNet:
    torch.manual_seed(5)
    built = modern(CLASSES, backbone=backbone)
    # Scores that differ from position to position, so that every peak is a real maximum.
    torch.nn.init.normal_(built.classifier.head.score.weight)
    freeze(built.classifier)
    return built


def test_a_non_square_image_gives_a_map_of_its_size(
    backbone: Backbone, network: DecoupledNet
) -> None:
    image = images_for(backbone)
    network.eval()

    with torch.no_grad():
        traced = network.see(image)
        g = network.activation(traced, torch.arange(2), ASKED.float())
        scores = network(image, ASKED)

    assert traced.encoded.pool5.shape == (2, backbone.channels[-1], 3, 5)
    assert traced.head.score_map.shape == (2, CLASSES, 1, 3)
    assert g.shape == (2, 256, 3, 5)
    assert scores.shape == (2, 2, *image.shape[2:])
    assert scores.isfinite().all()


def test_an_image_in_a_batch_is_treated_as_by_itself(
    backbone: Backbone, network: DecoupledNet
) -> None:
    image = images_for(backbone)
    network.eval()

    with torch.no_grad():
        together = network(image, ASKED)
        apart = torch.cat([network(image[i : i + 1], ASKED[i : i + 1]) for i in range(2)])

    torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-3 * float(together.std()))


@pytest.mark.parametrize("pooling", [MAX_POOLING, LogSumExpPooling(sharpness=3.0)], ids=str)
def test_f_cls_equals_the_gradient_of_a_plain_reading_of_the_head(
    backbone: Backbone, pooling: Pooling
) -> None:
    torch.manual_seed(6)
    classifier = modern(CLASSES, backbone=backbone, pooling=pooling).classifier.double().eval()
    torch.nn.init.normal_(classifier.head.score.weight, std=0.1)
    state = classifier.head.state_dict()
    seed = torch.tensor([[0.9, 0, 0.5, 0], [0, 0.7, 0, 0], [0, 0, 0, 0.6]], dtype=torch.float64)
    image_index = torch.tensor([0, 1, 1])
    with torch.no_grad():
        traced = classifier.trace(images_for(backbone).double())
        saliency = class_saliency(seed, image_index, traced.head, classifier.head.weights())

    features = traced.encoded.pool5[image_index].requires_grad_()
    x = features
    for layer in ("fc6", "fc7"):
        x = torch.clamp(F.conv2d(x, state[f"{layer}.weight"], state[f"{layer}.bias"]), min=0)
    scores = F.conv2d(x, state["score.weight"], state["score.bias"]).flatten(2)
    pooled = (
        scores.amax(dim=2)
        if pooling == MAX_POOLING
        else torch.log(torch.exp(3 * scores).mean(dim=2)) / 3
    )
    (expected,) = torch.autograd.grad((seed * pooled).sum(), features)

    torch.testing.assert_close(saliency, expected)


def test_f_cls_says_where_as_that_of_a_linear_head_would_not(
    backbone: Backbone, network: DecoupledNet
) -> None:
    with torch.no_grad():
        traced = network.see(images_for(backbone))
    weights = network.classifier.head.weights()
    saliency = class_saliency(ASKED.float(), torch.arange(2), traced.head, weights)
    features = traced.encoded.pool5.clone().requires_grad_()
    linear = torch.randn(backbone.channels[-1])
    (of_linear,) = torch.autograd.grad((features.mean(dim=(2, 3)) @ linear).sum(), features)

    assert spread(of_linear) < 1e-6
    assert spread(saliency) > 0.1


def spread(gradient: Tensor) -> float:
    """Return how much a gradient differs over positions, beside its size."""
    return float(gradient.flatten(2).std(dim=2).max() / gradient.abs().max())


def test_a_training_step_changes_bridge_and_decoder_and_never_the_classifier(
    backbone: Backbone, network: DecoupledNet
) -> None:
    network.train()
    network.classifier.eval()
    before = {k: t.clone() for k, t in network.classifier.state_dict().items()}
    network.zero_grad()

    network(images_for(backbone), ASKED)[:, 0].square().mean().backward()

    assert all(torch.equal(t, before[k]) for k, t in network.classifier.state_dict().items())
    assert all(p.grad is None for p in network.classifier.parameters())
    for part in (network.bridge, network.decoder):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in part.parameters())
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())
    network.zero_grad()


def test_the_classifier_learns_the_backbone_by_its_last_level(backbone: Backbone) -> None:
    torch.manual_seed(7)
    classifier = modern(CLASSES, backbone=backbone, dropout=0.0).classifier

    classifier(images_for(backbone)).square().sum().backward()

    learns = [p for p in classifier.encoder.parameters() if p.grad is not None and p.grad.any()]
    assert len(learns) > len(list(classifier.encoder.parameters())) / 2
    assert all(p.grad is not None for p in classifier.head.parameters())


def test_saving_and_loading_gives_the_same_network(
    backbone: Backbone, network: DecoupledNet
) -> None:
    image = images_for(backbone)
    network.eval()
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    loaded = modern(CLASSES, backbone=backbone)

    loaded.load_state_dict(torch.load(file, weights_only=True))

    with torch.no_grad():
        assert torch.equal(loaded.eval()(image, ASKED), network(image, ASKED))


def test_the_number_of_classes_the_dropout_and_the_pooling_can_be_chosen() -> None:
    backbone = small_backbone("resnet")
    chosen = modern(11, backbone=backbone, dropout=0.25, pooling=TopKPooling(top_share=0.5))
    usual = modern(11, backbone=backbone)

    assert chosen.classifier.head.score.out_channels == 11
    assert chosen.classifier.head.dropout.p == 0.25
    assert chosen.classifier.head.pooling == TopKPooling(top_share=0.5)
    assert usual.classifier.head.dropout.p == 0.5
    assert usual.classifier.head.pooling == MAX_POOLING


def test_its_parts_are_the_backbone_light_s_head_and_skip_s_bridge_and_decoder() -> None:
    network = modern(CLASSES, backbone=small_backbone("dinov2"))

    assert isinstance(network.classifier.encoder, BackboneEncoder)
    assert isinstance(network.bridge, PaddedBridge)
    assert isinstance(network.decoder, SkipDecoder)
    assert network.classifier.head.fc6.weight.shape == (512, 12, 3, 3)
    assert network.classifier.head.fc6.dilation == (1, 1)
    assert network.bridge.evidence
    assert (network.decoder.stride, network.decoder.grids) == (14, (1, 2, 4))
    assert network.decoder.score.in_channels == 96


@pytest.mark.parametrize(
    ("stride", "side"), [(8, 224), (14, 224), (16, 224), (32, 224), (12, 228), (128, 384)]
)
def test_the_usual_side_is_the_multiple_of_the_stride_that_is_nearest_to_224(
    stride: int, side: int
) -> None:
    preset = modern_preset(Backbone({}, ("stage1",), (3,), (stride,)))

    assert (preset.name, preset.side, preset.stride, preset.groups) == (MODERN, side, stride, 1)
    assert (preset.default_weights, preset.kernel, preset.bridge_kernel) == ("backbone", 3, 1)
    assert preset.pooling == "top-k"
    check_side(preset, side, side)


def test_a_side_is_a_multiple_of_the_patch_of_a_vision_transformer() -> None:
    preset = modern_preset(small_backbone("dinov2"))

    check_side(preset, 42, 238)
    with pytest.raises(
        SettingsError,
        match=r"^preset modern: height 96 must be a multiple of 14 and at least 42; the nearest "
        r"is 98$",
    ):
        check_side(preset, 96, 238)


def test_a_preset_has_a_backbone_if_it_is_modern_and_only_then() -> None:
    backbone = small_backbone("swin")

    assert preset_with("modern", backbone).stride == 32
    assert preset_with("tiny", None).name == "tiny"
    with pytest.raises(
        SettingsError,
        match=r"^a backbone goes with preset 'modern', and only with it; none is given$",
    ):
        preset_with("modern", None)
    with pytest.raises(SettingsError, match=r"and only with it; the preset is 'tiny'$"):
        preset_with("tiny", backbone)
