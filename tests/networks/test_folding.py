import pickle
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from decouplednet.networks import folding
from decouplednet.networks.folding import Convolves, Folded, Kept, fold, folded_layers
from decouplednet.networks.initialisation import he
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.shortcuts import layer_by_layer
from decouplednet.networks.vgg import VGG
from tests.networks.small import WIDTHS, images


def unsettled(module: nn.Module) -> nn.Module:
    """Give every batch normalisation statistics and weights that matter."""
    rng = torch.Generator().manual_seed(4)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            state = norm.state_dict()
            for name in ("weight", "running_var"):
                state[name].uniform_(0.5, 2.0, generator=rng)
            for name in ("bias", "running_mean"):
                state[name].normal_(0.0, 0.3, generator=rng)
    return module.eval()


def decoder_and_inputs() -> tuple[DeconvolutionNetwork, Tensor, tuple[Tensor, ...]]:
    torch.manual_seed(10)
    encoded = VGG(WIDTHS)(images(2))
    decoder = DeconvolutionNetwork(WIDTHS, he)
    unsettled(decoder)
    return decoder, encoded.pool5.detach(), encoded.switches


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_folded_convolution_equals_its_layers(kind: type[Convolves], bias: bool) -> None:
    torch.manual_seed(0)
    layer, norm = kind(4, 6, 3, padding=1, bias=bias).double(), nn.BatchNorm2d(6).double()
    unsettled(norm)
    x = torch.randn(2, 4, 5, 7, dtype=torch.float64)

    got, alone = fold(layer, norm, torch.float64)(x), fold(layer, None, torch.float64)(x)

    torch.testing.assert_close(got, norm(layer(x)).relu(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(alone, layer(x).relu(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("side", "padding"), [(1, 0), (3, 1), (5, 2), (3, 0)])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_in_the_processor_s_order_it_computes_the_same(
    kind: type[Convolves], side: int, padding: int
) -> None:
    torch.manual_seed(0)
    layer, norm = kind(4, 6, side, padding=padding), nn.BatchNorm2d(6)
    unsettled(norm)
    x = torch.randn(3, 4, 7, 9)
    with torch.inference_mode():
        expected = norm(layer(x)).relu()

    once = fold(layer, norm, torch.float32)
    halved = fold(layer, norm, torch.bfloat16)

    with torch.inference_mode():
        got, rough = once(x), halved(x)
    assert once.weight.is_mkldnn is torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch's own
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), expected, rtol=0.02, atol=0.05)


def test_an_encoder_predicts_the_same_folded_and_not() -> None:
    torch.manual_seed(1)
    for batch_norm in (False, True):
        vgg, image = VGG(WIDTHS, batch_norm), images(2)
        unsettled(vgg)
        with torch.inference_mode():
            got = vgg(image)
            again = vgg.run_groups(vgg.run_groups(image, range(2)).pool5, range(2, 5))
            with layer_by_layer():
                expected = vgg(image)
        torch.testing.assert_close(got.pool5, expected.pool5, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(again.pool5, expected.pool5, rtol=1e-4, atol=1e-5)
        for switch, other in zip(got.switches, expected.switches, strict=True):
            assert float((switch == other).double().mean()) > 0.99


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("of", ["weight", "bias"])
def test_numbers_that_are_not_finite_do_not_become_zeros(of: str, dtype: torch.dtype) -> None:
    layer = nn.Conv2d(3, 4, 3, padding=1)
    with torch.no_grad():
        layer.get_parameter(of)[1] = float("nan")

    with torch.inference_mode():
        got = fold(layer, None, dtype)(torch.randn(1, 3, 5, 6).to(dtype))

    assert bool(got[:, 1].isnan().all())
    assert bool(got[:, 0].isfinite().all())


def test_without_onednn_it_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, g, switches = decoder_and_inputs()
    with torch.inference_mode():
        expected = decoder(g, switches)

    monkeypatch.setattr(folding, "_in_onednn", lambda _: False)
    plain = deepcopy(decoder)
    with torch.inference_mode():
        torch.testing.assert_close(plain(g, switches), expected)
    assert plain._folded._value
    first = plain._folded._value[1][0]
    assert isinstance(first, Folded)
    assert not first.weight.is_mkldnn


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Conv2d(4, 6, 3, dilation=2),
        nn.ConvTranspose2d(4, 6, 3, groups=2),
    ],
)
def test_a_convolution_that_is_not_plain_is_refused(layer: Convolves) -> None:
    with pytest.raises(TypeError, match=r"^a convolution with a stride, a dilation or groups$"):
        fold(layer, None, torch.float32)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3)], "ends without a ReLU"),
        ([nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3), nn.ReLU()], "^Conv2d stands in no chain"),
        ([nn.ReLU()], "^ReLU stands in no chain"),
    ],
)
def test_layers_that_are_no_chain_are_refused(layers: list[nn.Module], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        folded_layers(layers, torch.float32)


def test_nothing_is_kept_of_tensors_whose_changes_are_not_counted() -> None:
    kept: Kept[float] = Kept()
    with torch.inference_mode():
        tensor = torch.ones(2)
        first = kept.get([tensor], lambda: float(tensor.sum()))
        tensor.mul_(3)
        second = kept.get([tensor], lambda: float(tensor.sum()))

    assert (first, second) == (2.0, 6.0)


def test_what_is_kept_is_not_sent_to_another_process() -> None:
    decoder, g, switches = decoder_and_inputs()
    with torch.inference_mode():
        expected = decoder(g, switches)

    sent = pickle.loads(pickle.dumps(decoder))  # noqa: S301  # its own words

    assert sent._folded._value is None
    with torch.inference_mode():
        torch.testing.assert_close(sent(g, switches), expected)


def test_a_normalisation_that_cannot_be_folded_is_refused() -> None:
    norm = nn.BatchNorm2d(6, track_running_stats=False)

    with pytest.raises(TypeError, match=r"^a normalisation without statistics$"):
        fold(nn.Conv2d(4, 6, 3), norm, torch.float32)


def test_a_decoder_predicts_the_same_folded_and_not() -> None:
    decoder, g, switches = decoder_and_inputs()

    expected = decoder(g, switches)  # with gradient, layer by layer
    with torch.inference_mode():
        got = decoder(g, switches)

    assert expected.requires_grad
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_what_was_folded_is_kept_until_a_weight_changes() -> None:
    decoder, g, switches = decoder_and_inputs()

    def predicted() -> Tensor:
        with torch.inference_mode():
            scores: Tensor = decoder(g, switches)
        return scores.clone()

    before, kept = predicted(), decoder._folded._value
    assert torch.equal(predicted(), before)
    assert decoder._folded._value is kept

    step = torch.optim.SGD(decoder.parameters(), lr=0.1)
    decoder(g, switches).square().mean().backward()
    step.step()
    after = predicted()
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after, decoder(g, switches), rtol=1e-4, atol=1e-5)

    decoder.load_state_dict({name: t * 0.9 for name, t in decoder.state_dict().items()})
    torch.testing.assert_close(predicted(), decoder(g, switches), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(predicted(), after)


def test_a_training_decoder_folds_nothing() -> None:
    decoder, g, switches = decoder_and_inputs()

    with torch.no_grad():
        decoder.train()(g, switches)

    assert decoder._folded._value is None


def test_a_decoder_whose_statistics_are_estimated_folds_nothing() -> None:
    decoder, g, switches = decoder_and_inputs()
    norms = [module for module in decoder.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()

    with torch.no_grad():
        decoder(g, switches)

    assert {int(norm.num_batches_tracked or 0) for norm in norms} == {1}


def test_weights_are_folded_in_the_type_of_autocast() -> None:
    decoder, g, switches = decoder_and_inputs()

    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        rough = decoder(g, switches)
    folded = [layer for group in decoder._folded._value or () for layer in group]
    with torch.no_grad():
        exact = decoder(g, switches)

    assert len(folded) == 13
    assert all(isinstance(one, Folded) and one.weight.dtype == torch.bfloat16 for one in folded)
    assert rough.dtype == torch.bfloat16
    assert exact.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_a_copy_keeps_nothing_of_what_was_made() -> None:
    kept: Kept[Tensor] = Kept()
    of = torch.ones(2)

    assert torch.equal(kept.get([of], lambda: of * 3), of * 3)
    assert torch.equal(deepcopy(kept).get([of], lambda: of * 5), of * 5)
    assert torch.equal(kept.get([of], lambda: of * 7), of * 3)
    assert torch.equal(kept.get([of], lambda: of * 7, "more"), of * 7)
    with torch.inference_mode():
        made_there = torch.ones(2)
    assert torch.equal(kept.get([made_there], lambda: of * 9), of * 9)
