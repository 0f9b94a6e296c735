import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.initialisation import Initialise, gaussian, he
from decouplednet.networks.segmentation import DeconvolutionNetwork, unpool
from decouplednet.networks.vgg import VGG, VGG16_WIDTHS
from tests.networks.small import WIDTHS, images


def test_the_layers_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        decoder = DeconvolutionNetwork(VGG16_WIDTHS, gaussian)

    layers = [
        [
            (layer.in_channels, layer.out_channels, layer.kernel_size)
            for layer in group
            if isinstance(layer, nn.ConvTranspose2d)
        ]
        for group in decoder.groups
        if isinstance(group, nn.Sequential)
    ]
    three = (3, 3)
    assert layers == [
        [(512, 512, three), (512, 512, three), (512, 512, three)],
        [(512, 512, three), (512, 512, three), (512, 256, three)],
        [(256, 256, three), (256, 256, three), (256, 128, three)],
        [(128, 128, three), (128, 64, three)],
        [(64, 64, three), (64, 64, three)],
    ]
    assert (decoder.score.in_channels, decoder.score.out_channels) == (64, 2)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_unpooling_equals_torch_s_own(memory_format: torch.memory_format) -> None:
    rng = torch.Generator().manual_seed(9)
    x = torch.randn(2, 3, 8, 10, generator=rng).contiguous(memory_format=memory_format)
    _, switches = F.max_pool2d(x, 2, return_indices=True)
    values = torch.randn(2, 3, 4, 5, generator=rng).requires_grad_()

    got = unpool(values, switches)
    expected = F.max_unpool2d(values, switches, [2, 2])

    assert torch.equal(got, expected)
    assert got.is_contiguous(memory_format=torch.channels_last)
    toward = torch.randn(2, 3, 8, 10, generator=rng)
    gradients = [torch.autograd.grad(out, values, toward)[0] for out in (got, expected)]
    assert torch.equal(gradients[0], gradients[1])


def test_unpooling_puts_each_value_where_its_maximum_was() -> None:
    x = torch.tensor([[[[1.0, 2.0, 9.0, 3.0], [4.0, 0.0, 5.0, 6.0]]]])
    _, switches = F.max_pool2d(x, 2, return_indices=True)

    got = unpool(torch.tensor([[[[7.0, 8.0]]]]), switches)

    assert torch.equal(got, torch.tensor([[[[0.0, 0.0, 8.0, 0.0], [7.0, 0.0, 0.0, 0.0]]]]))


def decode(count: int) -> tuple[DeconvolutionNetwork, Tensor, tuple[Tensor, ...]]:
    torch.manual_seed(10)
    encoded = VGG(WIDTHS)(images(count))
    return DeconvolutionNetwork(WIDTHS, he), encoded.pool5.detach(), encoded.switches


def test_scores_have_the_size_of_the_image_and_two_channels() -> None:
    decoder, g, switches = decode(3)

    assert decoder(g, switches).shape == (3, 2, 64, 96)
    assert DeconvolutionNetwork(WIDTHS, he, 5)(g, switches).shape == (3, 5, 64, 96)


def test_scores_equal_a_plain_reading_of_the_layers() -> None:
    decoder, g, switches = decode(3)
    state = decoder.eval().state_dict()

    x = g
    for group, (switch, count) in enumerate(zip(switches[::-1], (3, 3, 3, 2, 2), strict=True)):
        x = F.max_unpool2d(x, switch, [2, 2])
        for place in range(0, 3 * count, 3):
            name = f"groups.{group}.{place}"
            x = F.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
            x = (x / (1 + 1e-5) ** 0.5).clamp(min=0)  # running mean 0, variance 1
    expected = F.conv2d(x, state["score.weight"], state["score.bias"])

    torch.testing.assert_close(decoder(g, switches), expected, rtol=1e-4, atol=1e-6)


def test_the_switches_of_each_pooling_matter() -> None:
    decoder, g, switches = decode(1)
    decoder.eval()
    expected = decoder(g, switches)

    for place, switch in enumerate(switches):
        moved = [*switches]
        moved[place] = switch ^ 1  # the neighbouring column of the same 2 x 2 window
        assert not torch.equal(decoder(g, tuple(moved)), expected)


def test_too_few_switches_are_no_network() -> None:
    decoder, g, switches = decode(1)

    with pytest.raises(ValueError, match="zip"):
        decoder(g, switches[1:])


def test_gradient_reaches_every_weight() -> None:
    decoder, g, switches = decode(3)

    decoder(g, switches)[:, 0].square().sum().backward()

    # The bias of a normalised layer has no effect, so only the weights must feel the loss.
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.any() or name.endswith("bias")


@pytest.mark.parametrize(
    ("initialise", "first", "score"),
    [(he, (2 / 144) ** 0.5, (2 / 64) ** 0.5), (gaussian, 0.01, 0.01)],
)
def test_the_start_of_the_weights_can_be_chosen(
    initialise: Initialise, first: float, score: float
) -> None:
    decoder = DeconvolutionNetwork((64, 16, 16, 16, 16), initialise)

    weight = decoder.state_dict()["groups.0.0.weight"]
    assert float(weight.std()) == pytest.approx(first, rel=0.1)
    assert float(decoder.score.weight.detach().std()) == pytest.approx(score, rel=0.2)
