import pytest
import torch
from torch import Tensor, nn

from decouplednet.networks import at_once
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.presets import preset_named
from decouplednet.networks.saliency import class_saliency, saliency_by_autograd, tag_weights
from decouplednet.networks.vgg import Encoded
from tests.networks.small import CLASSES, images, paper_parts, small_network

ASKED = torch.tensor(
    [[True, False, True, False, False], [False] * 5, [False, True, False, False, False]]
)


def test_one_map_per_image_has_two_channels_and_the_size_of_the_image() -> None:
    assert small_network()(images(3), ASKED).shape == (3, 2, 64, 96)


def test_forward_is_see_then_activation_then_decode_with_the_weights_of_given_tags() -> None:
    network = small_network().eval()
    image = images(3)

    traced = network.see(image)
    seed = tag_weights(traced.score.sigmoid(), ASKED)
    saliency = saliency_by_autograd(
        seed, torch.arange(3), traced.encoded.pool5, network.classifier.head
    )
    bridge, decoder = paper_parts(network)
    g = bridge(traced.encoded.pool5, saliency)
    expected = decoder(g, traced.encoded.switches)

    torch.testing.assert_close(network(image, ASKED), expected, rtol=1e-4, atol=1e-5)


def test_several_maps_of_one_image_equal_the_maps_by_themselves() -> None:
    network = small_network().eval()
    image, image_index = images(3), torch.tensor([2, 0, 2, 2])
    rng = torch.Generator().manual_seed(11)
    seed = torch.rand(4, CLASSES, generator=rng)

    traced = network.see(image)
    g = network.activation(traced, image_index, seed)
    scores = network.decode(g, traced, image_index)

    for place, of_image in enumerate(image_index.tolist()):
        alone = network.see(image[of_image : of_image + 1])
        first = torch.zeros(1, dtype=torch.int64)
        expected_g = network.activation(alone, first, seed[place : place + 1])
        expected = network.decode(expected_g, alone, first)
        torch.testing.assert_close(g[place : place + 1], expected_g, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(scores[place : place + 1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("order", "shared"), [([0, 1, 2], True), ([0, 2, 1], False)])
def test_maps_in_the_order_of_their_images_are_not_copied(order: list[int], shared: bool) -> None:
    network = small_network()
    seen: list[int] = []
    bridge, decoder = paper_parts(network)
    bridge.register_forward_pre_hook(lambda _, given: seen.append(given[0].data_ptr()))
    decoder.register_forward_pre_hook(lambda _, given: seen.append(given[1][0].data_ptr()))

    traced = network.see(images(3))
    g = network.activation(traced, torch.tensor(order), torch.rand(3, CLASSES))
    network.decode(g, traced, torch.tensor(order))

    origins = [traced.encoded.pool5.data_ptr(), traced.encoded.switches[0].data_ptr()]
    assert [a == b for a, b in zip(seen, origins, strict=True)] == [shared, shared]


def test_no_map_at_all_is_an_empty_answer() -> None:
    network = small_network().eval()
    traced = network.see(images(2))
    nothing = torch.empty(0, dtype=torch.int64)

    g = network.activation(traced, nothing, torch.empty(0, CLASSES))

    assert g.shape == (0, 7, 2, 3)
    assert network.decode(g, traced, nothing).shape == (0, 2, 64, 96)


def test_a_classifier_in_training_mode_is_refused() -> None:
    network = small_network().train()

    message = r"^the classifier is in training mode; call freeze\(classifier\) first$"
    with pytest.raises(RuntimeError, match=message):
        network.see(images(1))


def test_freezing_stops_gradients_dropout_and_batch_statistics() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()

    freeze(module)

    assert not any(p.requires_grad for p in module.parameters())
    assert not any(part.training for part in module.modules())


def test_a_training_step_leaves_the_frozen_classifier_as_it_was() -> None:
    network = small_network()
    before = {key: tensor.clone() for key, tensor in network.classifier.state_dict().items()}
    trained = [*network.bridge.parameters(), *network.decoder.parameters()]
    optimizer = torch.optim.SGD(trained, lr=0.1)

    scores: Tensor = network(images(3), ASKED)
    torch.autograd.backward(scores.square().sum())
    optimizer.step()

    assert all(torch.equal(t, before[k]) for k, t in network.classifier.state_dict().items())
    assert all(p.grad is None for p in network.classifier.parameters())
    for part in (network.bridge, network.decoder):
        assert all(p.grad is not None for p in part.parameters())


def test_see_and_activation_carry_no_gradient_of_the_classifier() -> None:
    network = small_network()
    network.classifier.requires_grad_(True)

    scores: Tensor = network(images(2), ASKED[:2])
    torch.autograd.backward(scores.sum())

    assert all(p.grad is None for p in network.classifier.parameters())


def test_a_training_step_runs_under_autocast() -> None:
    network = small_network()

    with torch.autocast("cpu", torch.bfloat16):
        scores: Tensor = network(images(3), ASKED)
    torch.autograd.backward(scores.to(torch.float32).square().sum())

    assert scores.dtype == torch.bfloat16
    for part in (network.bridge, network.decoder):
        assert all(p.grad is not None and p.grad.isfinite().all() for p in part.parameters())


def test_autocast_changes_the_scores_by_little() -> None:
    network = small_network(batch_norm=False).eval()
    expected = network(images(3), ASKED)

    with torch.autocast("cpu", torch.bfloat16):
        got = network(images(3), ASKED).float()

    spread = float(expected.detach().std())
    assert float((got - expected).detach().abs().mean()) < 0.1 * spread


def test_the_whole_network_stays_in_channels_last_memory() -> None:
    network = small_network()
    layouts: list[bool] = []

    def note(_: nn.Module, __: object, out: Tensor) -> None:
        layouts.append(out.is_contiguous(memory_format=torch.channels_last))

    bridge, decoder = paper_parts(network)
    for layer in (*bridge.layers.modules(), *decoder.groups.modules()):
        if not isinstance(layer, nn.Sequential | nn.ModuleList):
            layer.register_forward_hook(note)
    network(images(3), ASKED)

    assert len(layouts) == 9 + 3 * 13
    assert all(layouts)


def test_f_cls_of_a_class_that_is_not_shown_is_withheld() -> None:
    torch.manual_seed(21)
    network = preset_named("tiny-skip").build(CLASSES)
    freeze(network)
    nn.init.normal_(network.classifier.head.score.weight)
    traced = network.see(images(1))
    index = torch.zeros(3, dtype=torch.int64)
    seed = torch.eye(CLASSES)[:3] + torch.eye(CLASSES)[3]
    present = torch.ones(3, CLASSES, dtype=torch.bool)
    shown = present.clone()
    shown[:, 3] = shown[2, 2] = False

    got = network.activation(traced, index, seed, present, shown)

    weights = network.classifier.head.weights()
    for place, told in enumerate((torch.eye(CLASSES)[:1], torch.eye(CLASSES)[1:2], None)):
        zero = torch.zeros_like(traced.encoded.pool5)
        one = seed[place : place + 1]
        f_cls = zero if told is None else class_saliency(told, index[:1], traced.head, weights)
        expected = network.bridge.activation(traced, index[:1], one, f_cls, present[:1])
        torch.testing.assert_close(got[place : place + 1], expected, rtol=1e-4, atol=1e-5)
    everything = network.activation(traced, index, seed, present)
    assert not torch.allclose(got, everything, atol=1e-3)


def test_maps_in_the_paper_s_frame_are_decoded_one_by_one() -> None:
    side = preset_named("vgg16").side
    assert at_once.at_once(7, side, side, torch.device("cpu")) == 1
    assert at_once.at_once(7, side, side, torch.device("cuda")) == 7
    assert at_once.at_once(7, 96, 96, torch.device("cpu")) == 7


@pytest.mark.parametrize(("pixels", "together"), [(1, [1] * 3), (64 * 96 * 2, [2, 1])])
def test_few_images_are_encoded_at_once(
    pixels: int, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small_network().eval()
    encode, seen = network.classifier.encoder.encode, list[int]()

    def count(image: Tensor) -> Encoded:
        seen.append(len(image))
        return encode(image)

    monkeypatch.setattr(network.classifier.encoder, "encode", count)
    monkeypatch.setattr(at_once, "PIXELS_AT_ONCE", pixels)
    with torch.inference_mode():
        got = network.see(images(3))
    assert seen == together

    learning = network.classifier.trace(images(3))  # a gradient may be wanted
    assert seen == [*together, 3]
    expected = encode(images(3))
    torch.testing.assert_close(got.score, learning.score, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got.encoded.pool5, expected.pool5, rtol=1e-4, atol=1e-5)
    for some, all_of_them in zip(got.encoded.switches, expected.switches, strict=True):
        assert torch.equal(some, all_of_them)


@pytest.mark.parametrize(("pixels", "together"), [(1, [1] * 5), (64 * 96 * 2, [2, 2, 1])])
def test_few_maps_are_decoded_at_once(
    pixels: int, together: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, index = small_network().eval(), torch.tensor([2, 0, 2, 1, 0])
    seed = torch.rand(5, CLASSES, generator=torch.Generator().manual_seed(11))
    _, decoder = paper_parts(network)
    seen: list[int] = []
    decoder.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))

    with torch.inference_mode():
        traced = network.see(images(3))
        g = network.activation(traced, index, seed)
        whole = network.softmax(g, traced, index)
        monkeypatch.setattr(at_once, "PIXELS_AT_ONCE", pixels)
        got = network.softmax(g, traced, index)
        expected = network.decode(g, traced, index).softmax(dim=1)

    assert seen == [5, *together, 5]
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(whole, expected, rtol=1e-5, atol=1e-6)
