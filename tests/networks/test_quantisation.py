"""Chains of convolutions in 8 bits, against sums of integers and against the layers in float32."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.errors import ModelError
from decouplednet.networks import precision
from decouplednet.networks.initialisation import he
from decouplednet.networks.precision import beside_bytes, eight_bits, mixed_precision
from decouplednet.networks.quantisation import ToBytes, byte_convolution, byte_layers
from decouplednet.networks.ranges import RangedInput, RangedReLU, ranges_of, set_ranges, watched
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.skip_decoder import Level, SkipDecoder
from decouplednet.networks.vgg import VGG, Encoded
from tests.machine import needs_bytes
from tests.networks.small import WIDTHS, images
from tests.networks.test_folding import unsettled

CPU = torch.device("cpu")


def test_activations_become_bytes_and_what_is_larger_is_cut_off() -> None:
    x = torch.tensor([-3.0, -0.01, 0.0, 0.019, 0.021, 1.0, 5.1, 5.2, 100.0])

    assert ToBytes(5.1)(x).tolist() == [0, 0, 0, 1, 1, 50, 255, 255, 255]


def test_whole_numbers_in_bfloat16_are_bytes_as_they_are() -> None:
    x = torch.arange(256, dtype=torch.bfloat16)

    assert ToBytes(255.0)(x).tolist() == list(range(256))


def convolved(x: Tensor, kernel: Tensor, padding: int) -> Tensor:
    """Return sums of whole numbers, which float64 holds exactly."""
    return F.conv2d(x.double(), kernel.double(), padding=padding)


@needs_bytes
@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (1, 0)])
@pytest.mark.parametrize("goes", [None, 3.5])
def test_a_convolution_of_bytes_sums_whole_numbers(
    kernel: int, padding: int, goes: float | None
) -> None:
    rng = torch.Generator().manual_seed(2)
    weight = torch.randn(9, 5, kernel, kernel, generator=rng) / 5
    weight[3] = 0  # an output that nothing reaches
    bias = torch.randn(9, generator=rng) / 3
    x = torch.randint(0, 256, (2, 5, 7, 6), generator=rng, dtype=torch.uint8)
    x = x.contiguous(memory_format=torch.channels_last)

    got = byte_convolution(weight, bias, padding, comes=2.0, goes=goes)(x)

    scale = (weight.abs().amax(dim=(1, 2, 3)) / 127).double()
    scale[3] = 1
    whole = (weight / scale.float()[:, None, None, None]).round()
    sums = convolved(x, whole, padding) * scale[:, None, None] * 2.0 / 255
    expected = (sums + bias.double()[:, None, None]).relu()
    if goes is None:
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-6)
    else:
        levels = (expected / goes * 255).round().clamp(max=255)
        assert got.dtype == torch.uint8
        assert int((got.double() - levels).abs().max()) <= 1
        assert float((got.double() == levels).double().mean()) > 0.99


def watched_ranges(part: nn.Module, *given: object) -> dict[str, float]:
    with torch.inference_mode(), watched(part) as seen:
        part(*given)
    return seen.ranges()


def in_bytes(part: nn.Module, *given: object) -> Any:
    with torch.inference_mode(), mixed_precision(CPU, torch.int8):
        assert eight_bits()
        return part(*given)


def near(got: Tensor, expected: Tensor, share: float) -> bool:
    """Return whether two tensors differ by less than a share of how much the second varies."""
    difference = got.float() - expected
    return float(difference.std() / expected.std()) < share


@needs_bytes
@pytest.mark.parametrize("batch_norm", [False, True])
def test_an_encoder_in_bytes_is_near_the_encoder(batch_norm: bool) -> None:
    torch.manual_seed(1)
    vgg, image = VGG((8, 9, 10, 11, 12), batch_norm), images(2)
    unsettled(vgg)
    with torch.inference_mode():
        expected: Encoded = vgg(image)
    set_ranges(vgg, watched_ranges(vgg, image))

    got = in_bytes(vgg, image)

    assert near(got.pool5, expected.pool5, 0.05)
    assert float(got.pool5.min()) >= 0
    for switch, of_exact in zip(got.switches, expected.switches, strict=True):
        assert float((switch == of_exact).double().mean()) > 0.8
    assert not torch.equal(got.pool5.float(), expected.pool5)


@needs_bytes
def test_later_groups_alone_are_in_bytes_too() -> None:
    torch.manual_seed(1)
    vgg, image = VGG(WIDTHS), images(2)
    unsettled(vgg)
    set_ranges(vgg, watched_ranges(vgg, image))
    with torch.inference_mode():
        halfway = vgg.run_groups(image, range(2)).pool5
        expected = vgg.run_groups(halfway, range(2, 5)).pool5

    with torch.inference_mode(), mixed_precision(CPU, torch.int8):
        got = vgg.run_groups(halfway, range(2, 5)).pool5

    assert near(got, expected, 0.05)
    assert not torch.equal(got.float(), expected)


def decoder_and_inputs() -> tuple[DeconvolutionNetwork, tuple[Tensor, tuple[Tensor, ...]]]:
    torch.manual_seed(10)
    encoded = VGG(WIDTHS)(images(2))
    decoder = DeconvolutionNetwork(WIDTHS, he)
    unsettled(decoder)
    return decoder, (encoded.pool5.detach(), encoded.switches)


def skip_decoder_and_inputs() -> tuple[SkipDecoder, tuple[Tensor, tuple[Tensor, ...], Tensor]]:
    torch.manual_seed(4)
    decoder = SkipDecoder(
        channels=6,
        skip_channels=(3, 5),
        stride=4,
        initialise=he,
        levels=(Level(4, 7, 2), Level(3, 5, 1)),
    )
    unsettled(decoder)
    skips = torch.rand(2, 3, 12, 20), torch.rand(2, 5, 6, 10)
    return decoder, (torch.rand(3, 6, 3, 5), skips, torch.tensor([0, 1, 1]))


@needs_bytes
@pytest.mark.parametrize(
    ("made", "share"), [(decoder_and_inputs, 0.1), (skip_decoder_and_inputs, 0.05)]
)
def test_a_decoder_in_bytes_is_near_the_decoder(made: Callable[[], Any], share: float) -> None:
    decoder, given = made()
    with torch.inference_mode():
        expected = decoder(*given)
    set_ranges(decoder, watched_ranges(decoder, *given))

    got = in_bytes(decoder, *given)

    assert near(got, expected, share)
    assert not torch.allclose(got.float(), expected, atol=1e-6)


@needs_bytes
def test_parts_whose_ranges_are_not_known_stay_as_they_are() -> None:
    torch.manual_seed(10)
    vgg = VGG(WIDTHS)
    unsettled(vgg)
    decoder, inputs_of_decoder = decoder_and_inputs()
    skipping, given = skip_decoder_and_inputs()
    every = watched_ranges(skipping, *given)
    entry = {"skip_entries.0", "skip_entries.1", "entries.0", "entries.1"}
    set_ranges(skipping, {name: every[name] for name in every.keys() - entry})

    for part, inputs in (
        (vgg, (images(2),)),
        (decoder, inputs_of_decoder),
        (skipping, given),
    ):
        got = in_bytes(part, *inputs)
        with torch.inference_mode(), mixed_precision(CPU, beside_bytes(torch.int8)):
            expected = part(*inputs)
        first = got.pool5 if isinstance(got, Encoded) else got
        second = expected.pool5 if isinstance(expected, Encoded) else expected
        assert torch.equal(first, second)


@needs_bytes
def test_bytes_are_made_anew_when_a_range_or_a_weight_changes() -> None:
    torch.manual_seed(1)
    vgg, image = VGG(WIDTHS), images(1)
    unsettled(vgg)
    ranges = watched_ranges(vgg, image)
    set_ranges(vgg, ranges)

    def pool5() -> Tensor:
        encoded: Encoded = in_bytes(vgg, image)
        return encoded.pool5

    before, kept = pool5(), vgg._in_bytes._value
    assert torch.equal(pool5(), before)
    assert vgg._in_bytes._value is kept
    set_ranges(vgg, {name: 3 * value for name, value in ranges.items()})
    wider = pool5()
    assert not torch.equal(wider, before)
    with torch.no_grad():
        for weight in vgg.parameters():
            weight.mul_(0.9)
    assert not torch.equal(pool5(), wider)


def test_nothing_is_in_bytes_while_it_learns() -> None:
    torch.manual_seed(1)
    vgg, image = VGG(WIDTHS), images(1)
    unsettled(vgg)
    set_ranges(vgg, watched_ranges(vgg, image))

    with mixed_precision(CPU, torch.int8):
        pool5 = vgg(image).pool5  # with gradient
    with mixed_precision(CPU, beside_bytes(torch.int8)):
        expected = vgg(image).pool5

    assert pool5.requires_grad
    assert torch.equal(pool5, expected)


@pytest.mark.parametrize("worst", [float("nan"), float("inf"), -float("inf")])
def test_activations_that_are_not_finite_do_not_become_bytes(worst: float) -> None:
    with pytest.raises(ModelError) as fault:
        ToBytes(1.0)(torch.tensor([0.5, worst, 0.25]))

    assert str(fault.value) == (
        "precision int8: activations of the network are not finite; compute with precision 32, "
        "and if that does not help, train again"
    )


@needs_bytes
def test_weights_that_are_not_finite_do_not_become_bytes() -> None:
    weight = torch.ones(2, 3, 1, 1)
    weight[1, 2] = float("nan")

    with pytest.raises(ModelError) as fault:
        byte_convolution(weight, torch.zeros(2), 0, comes=1.0, goes=None)

    assert str(fault.value) == (
        "precision int8: weights of the network are not finite; train again"
    )


def test_no_maps_have_no_range() -> None:
    entry = nn.Sequential(RangedInput())
    with watched(entry) as seen:
        entry(torch.zeros(0, 3, 2, 2))

    assert seen.ranges() == {}


def test_layers_that_form_no_chain_are_refused() -> None:
    layers = [nn.Conv2d(2, 2, 3), nn.Dropout(), RangedReLU()]

    with pytest.raises(TypeError, match=r"^Dropout stands in no chain of convolutions$"):
        byte_layers(layers, 1.0)


@pytest.mark.parametrize("bf16", [True, False])
def test_a_precision_ends_with_its_context(bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bf16_in", lambda: bf16)
    with mixed_precision(CPU, torch.int8):
        assert torch.is_autocast_enabled("cpu") is bf16
        assert not bf16 or torch.get_autocast_dtype("cpu") == torch.bfloat16
        with mixed_precision(CPU, None):
            assert not eight_bits()
            assert not torch.is_autocast_enabled("cpu")
        assert eight_bits()
    assert not eight_bits()


def test_a_range_is_the_largest_activation_that_was_met() -> None:
    class Places(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.some, self.none = RangedReLU(), RangedReLU()

        def forward(self, x: Tensor) -> None:
            self.some(x)
            self.none(-x.abs())

    places = Places()

    with watched(places) as seen:
        for x in ([-9.0, 2.5, 1.0], [7.25, 0.0], [3.0]):
            places(torch.tensor(x))
    places(torch.tensor([100.0]))  # nobody looks any more

    assert seen.ranges() == {"some": 7.25, "none": 1e-6}


def test_what_is_below_zero_has_no_range() -> None:
    entry = nn.Sequential(RangedInput())
    with watched(entry) as seen:
        entry(torch.tensor([1.0, 2.0]))
        entry(torch.tensor([-0.1, 2.0]))
    with watched(entry) as overflowing:
        entry(torch.tensor([1.0, torch.inf]))

    assert seen.ranges() == overflowing.ranges() == {}


def test_ranges_are_told_by_name_and_replace_the_others() -> None:
    network = nn.Sequential(RangedReLU(), nn.Sequential(RangedReLU()))

    set_ranges(network, {"0": 1.5})
    set_ranges(network, {"1.0": 2.5})

    assert ranges_of(network) == {"1.0": 2.5}
    with pytest.raises(ModelError, match=r"^ranges: the network has no place named 7$"):
        set_ranges(network, {"7": 1.0})
