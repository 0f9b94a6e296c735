from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.networks import taps
from decouplednet.networks.taps import (
    Convolution,
    TransposedConvolution,
    convolve,
    halve_large_weights,
    has_large_weights,
    transpose,
)

LAYOUTS = (torch.contiguous_format, torch.channels_last)


@pytest.fixture
def every_weight_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take each kernel tap by tap, and let no convolution of torch run."""

    def refuse(*_: object, **__: object) -> Tensor:
        raise AssertionError("a convolution ran")

    with monkeypatch.context() as patch:
        patch.setattr(taps, "_LARGE_WEIGHT", 0)
        patch.setattr(F, "conv2d", refuse)
        patch.setattr(F, "conv_transpose2d", refuse)
        yield


def numbers(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def by_loops(x: Tensor, weight: Tensor, padding: int, dilation: int) -> Tensor:
    """Return the convolution, sum by sum."""
    side = weight.shape[2]
    padded = F.pad(x, [padding] * 4)
    height, width = (length - dilation * (side - 1) for length in padded.shape[2:])
    out = x.new_zeros(len(x), len(weight), height, width)
    for row in range(height):
        for column in range(width):
            seen = padded[
                :,
                :,
                row : row + dilation * side : dilation,
                column : column + dilation * side : dilation,
            ][:, :, :side, :side]
            out[:, :, row, column] = torch.einsum("bcij,ocij->bo", seen, weight)
    return out


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("kernel", "padding", "dilation", "height", "width"),
    [(1, 0, 1, 3, 5), (3, 0, 1, 4, 7), (7, 0, 1, 8, 9), (3, 0, 2, 6, 8), (3, 1, 1, 2, 5)],
)
def test_taps_sum_to_the_convolution(
    every_weight_is_large: None,
    layout: torch.memory_format,
    kernel: int,
    padding: int,
    dilation: int,
    height: int,
    width: int,
) -> None:
    x = numbers(2, 4, height, width).contiguous(memory_format=layout)
    weight = numbers(6, 4, kernel, kernel, seed=1).contiguous(memory_format=layout)
    bias = numbers(6, seed=2)

    got = convolve(x, weight, bias, padding=padding, dilation=dilation)

    expected = by_loops(x, weight, padding, dilation) + bias[:, None, None]
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    without = convolve(x, weight, padding=padding, dilation=dilation)
    torch.testing.assert_close(without, expected - bias[:, None, None], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("kernel", "height", "width"), [(1, 3, 5), (3, 4, 1), (7, 2, 3)])
def test_taps_sum_to_the_transposed_convolution(
    every_weight_is_large: None, layout: torch.memory_format, kernel: int, height: int, width: int
) -> None:
    x = numbers(2, 4, height, width).contiguous(memory_format=layout)
    weight = numbers(4, 6, kernel, kernel, seed=1).contiguous(memory_format=layout)
    bias = numbers(6, seed=2)

    got = transpose(x, weight, bias)

    # The transpose of a linear map: <transpose(x), y> = <x, convolve(y)> for every y.
    y = numbers(2, 6, height + kernel - 1, width + kernel - 1, seed=3)
    there = ((got - bias[:, None, None]) * y).sum()
    back = (x * by_loops(y, weight, 0, 1)).sum()
    torch.testing.assert_close(there, back, rtol=1e-10, atol=1e-10)
    assert got.shape == y.shape
    torch.testing.assert_close(transpose(x, weight) + bias[:, None, None], got)


def test_no_map_at_all_is_an_empty_answer(every_weight_is_large: None) -> None:
    assert convolve(numbers(0, 4, 5, 6), numbers(3, 4, 3, 3)).shape == (0, 3, 3, 4)
    assert transpose(numbers(0, 4, 5, 6), numbers(4, 3, 3, 3)).shape == (0, 3, 7, 8)


def test_gradients_pass_through_the_taps(every_weight_is_large: None) -> None:
    x, weight = numbers(2, 3, 5, 4).requires_grad_(), numbers(4, 3, 3, 3, seed=1).requires_grad_()
    bias, back = numbers(4, seed=2).requires_grad_(), numbers(4, 2, 3, 3, seed=3).requires_grad_()

    assert torch.autograd.gradcheck(lambda *given: convolve(*given, dilation=1), (x, weight, bias))
    sent = convolve(x, weight, bias).detach().requires_grad_()
    assert torch.autograd.gradcheck(transpose, (sent, back))


def test_taps_do_not_copy_a_weight_whose_channels_come_last() -> None:
    weight = torch.randn(6, 4, 3, 3).contiguous(memory_format=torch.channels_last)

    views = taps._taps(weight)

    assert [tap.data_ptr() - weight.data_ptr() for tap in views] == [16 * i for i in range(9)]
    assert torch.equal(views[5], weight[:, :, 1, 2])


def test_taps_are_computed_in_the_type_of_the_weight_under_autocast(
    every_weight_is_large: None,
) -> None:
    x, weight = numbers(1, 4, 5, 5).bfloat16(), numbers(6, 4, 3, 3, seed=1).float()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, sent = convolve(x, weight), transpose(x[:, :4], numbers(4, 2, 3, 3).float())

    assert got.dtype == sent.dtype == torch.float32
    torch.testing.assert_close(got, by_loops(x.float(), weight, 0, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("numbers_in_weight", "large"), [(16_000_000, False), (16_000_001, True)])
def test_a_weight_is_large_above_a_number_of_numbers(numbers_in_weight: int, large: bool) -> None:
    assert taps.is_large(torch.empty(numbers_in_weight, device="meta")) == large


def test_layers_do_what_those_of_torch_do_and_have_their_names() -> None:
    x = numbers(2, 4, 6, 7)
    torch.manual_seed(3)
    ours = Convolution(4, 5, 3, padding=1).double(), TransposedConvolution(4, 5, 3).double()
    torch.manual_seed(3)
    theirs = (
        torch.nn.Conv2d(4, 5, 3, padding=1).double(),
        torch.nn.ConvTranspose2d(4, 5, 3).double(),
    )

    for one, other in zip(ours, theirs, strict=True):
        assert one.state_dict().keys() == other.state_dict().keys()
        assert torch.equal(one(x), other(x))


def test_a_kernel_of_some_of_its_channels_and_of_the_others_make_the_whole() -> None:
    layer, x = Convolution(7, 5, 3, padding=1).double(), numbers(2, 7, 4, 6)

    parts = [
        layer.of_channels(x[:, :4], slice(4), layer.bias),
        layer.of_channels(x[:, 4:], slice(4, None), None),
    ]

    torch.testing.assert_close(sum(parts), layer(x), rtol=1e-12, atol=1e-12)


def test_large_kernels_are_kept_in_half_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", 300)
    torch.manual_seed(5)
    network = torch.nn.Sequential(
        Convolution(8, 9, 3), Convolution(9, 4, 1), TransposedConvolution(4, 9, 3)
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(2, 8, 6, 7)

    with torch.no_grad():
        expected = network(x)
        halve_large_weights(network, torch.bfloat16)
        got = network(x)

    kinds = [layer.weight.dtype for layer in network]
    assert kinds == [torch.bfloat16, torch.float32, torch.bfloat16]
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert network[0].bias.dtype == got.dtype == torch.float32
    assert 0 < float((got - expected).abs().max()) < 0.02 * float(expected.abs().max())


def test_a_halved_kernel_works_where_no_taps_are_taken() -> None:
    x, weight = torch.randn(1, 4, 5, 5), torch.randn(6, 4, 3, 3)
    back = torch.randn(4, 2, 3, 3)

    got = convolve(x, weight.bfloat16()), transpose(x, back.bfloat16())

    assert {one.dtype for one in got} == {torch.float32}
    torch.testing.assert_close(got[0], F.conv2d(x, weight.bfloat16().float()))
    torch.testing.assert_close(got[1], F.conv_transpose2d(x, back.bfloat16().float()))


@pytest.mark.parametrize(("most", "large"), [(287, True), (288, False)])
def test_a_network_is_asked_for_large_kernels(
    most: int, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", most)

    assert has_large_weights(torch.nn.Sequential(Convolution(8, 4, 3))) == large
