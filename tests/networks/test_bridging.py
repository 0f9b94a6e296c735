import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.networks.bridging import Bridge
from decouplednet.networks.initialisation import gaussian, he


def inputs() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(7)
    return (
        torch.randn(2, 4, 5, 6, generator=rng).relu(),
        torch.randn(2, 4, 5, 6, generator=rng) * 1e-3,
    )


def bridge(kernel: int = 3) -> Bridge:
    torch.manual_seed(8)
    return Bridge(channels=4, middle=7, kernel=kernel, initialise=he)


def test_g_equals_a_plain_reading_of_the_layers() -> None:
    module, (pool5, saliency) = bridge(), inputs()
    state = module.state_dict()

    def normed(x: Tensor, epsilon: float) -> Tensor:
        mean = x.mean(dim=(0, 2, 3), keepdim=True)
        variance = x.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
        return (x - mean) / (variance + epsilon).sqrt()

    x = torch.cat([normed(pool5, 1e-5), normed(saliency, 1e-12)], dim=1)
    x = F.conv2d(x, state["layers.0.weight"], state["layers.0.bias"])
    x = normed(x, 1e-5).clamp(min=0)
    x = F.conv2d(x, state["layers.3.weight"], state["layers.3.bias"])
    x = normed(x, 1e-5).clamp(min=0)
    x = F.conv_transpose2d(x, state["layers.6.weight"], state["layers.6.bias"])
    expected = normed(x, 1e-5).clamp(min=0)

    torch.testing.assert_close(module(pool5, saliency), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_g_has_the_shape_of_pool5(kernel: int) -> None:
    assert bridge(kernel)(*inputs()).shape == (2, 4, 5, 6)


def test_the_scale_of_f_cls_does_not_matter_however_small() -> None:
    module, (pool5, saliency) = bridge(), inputs()

    torch.testing.assert_close(
        module(pool5, saliency * 0.1), module(pool5, saliency), rtol=1e-3, atol=1e-3
    )


def test_running_statistics_of_the_inputs_are_averages_over_all_batches() -> None:
    module, (pool5, saliency) = bridge(), inputs()

    module(pool5, saliency)
    module(pool5, saliency * 3)

    variance = saliency.var(dim=(0, 2, 3))
    state = module.state_dict()
    torch.testing.assert_close(state["saliency_norm.running_var"], 5 * variance)
    torch.testing.assert_close(state["pool5_norm.running_mean"], pool5.mean(dim=(0, 2, 3)))


def test_both_inputs_matter() -> None:
    module, (pool5, saliency) = bridge().eval(), inputs()
    expected = module(pool5, saliency)

    assert not torch.equal(module(pool5.flip(3), saliency), expected)
    assert not torch.equal(module(pool5, saliency.flip(3)), expected)


def test_f_cls_of_zero_gives_finite_activations_and_gradients() -> None:
    module, (pool5, saliency) = bridge(), inputs()

    g = module(pool5, torch.zeros_like(saliency))
    g.sum().backward()

    assert g.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_the_start_of_the_weights_can_be_chosen() -> None:
    module = Bridge(channels=30, middle=50, kernel=2, initialise=gaussian)

    assert float(module.state_dict()["layers.0.weight"].std()) == pytest.approx(0.01, rel=0.05)
    assert float(module.state_dict()["pool5_norm.bias"][0]) == pytest.approx(0.001)
