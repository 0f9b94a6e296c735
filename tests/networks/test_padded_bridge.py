from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.networks.classification import HeadTrace, Traced
from decouplednet.networks.evidence import class_evidence
from decouplednet.networks.initialisation import Initialise, gaussian, he
from decouplednet.networks.padded_bridge import PaddedBridge
from decouplednet.networks.vgg import Encoded


def bridge(*, evidence: bool = True, initialise: Initialise = he) -> PaddedBridge:
    torch.manual_seed(8)
    return PaddedBridge(channels=4, widths=(7, 9), evidence=evidence, initialise=initialise)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(9)
    pool5, saliency, evidence = (
        torch.randn(2, channels, 5, 6, generator=rng) for channels in (4, 4, 2)
    )
    return pool5, saliency * 1e-3, evidence


def traced() -> Traced:
    """Return what a head with an unpadded kernel of 3 makes of three images and five classes."""
    rng = torch.Generator().manual_seed(10)
    scores = torch.randn(3, 5, 3, 4, generator=rng)
    gates = torch.zeros(3, 1, 3, 4, dtype=torch.bool)
    score, peak = scores.flatten(2).max(dim=2)
    pool5 = torch.randn(3, 4, 5, 6, generator=rng)
    return Traced(Encoded(pool5, ()), score, HeadTrace(gates, gates, peak, scores))


@pytest.mark.parametrize("evidence", [True, False])
def test_g_equals_a_plain_reading_of_the_layers(evidence: bool) -> None:
    module = bridge(evidence=evidence)
    pool5, saliency, maps = inputs()
    state = module.state_dict()

    def normed(x: Tensor, epsilon: float) -> Tensor:
        mean = x.mean(dim=(0, 2, 3), keepdim=True)
        variance = x.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
        return (x - mean) / (variance + epsilon).sqrt()

    x = torch.cat(
        [normed(pool5, 1e-5), normed(saliency, 1e-12), *([maps] if evidence else [])], dim=1
    )
    for place in range(2):
        x = F.conv2d(x, state[f"layers.{place}.0.weight"], padding=1)
        x = normed(x, 1e-5).clamp(min=0)

    got = module(pool5, saliency, maps) if evidence else module(pool5, saliency)

    assert got.shape == (2, 9, 5, 6)
    torch.testing.assert_close(got, x, rtol=1e-4, atol=1e-5)


def test_maps_see_pool5_and_the_evidence_of_their_images() -> None:
    module, seen = bridge().eval(), traced()
    image_index = torch.tensor([2, 0, 2, 1])
    seed = torch.tensor([[0.5, 0, 0, 0.9, 0], [0, 1, 0, 0, 0], [0, 0, 0.7, 0, 0], [0] * 5])
    saliency = torch.randn(4, 4, 5, 6)

    got = module.activation(seen, image_index, seed, saliency)

    maps = class_evidence(seed > 0, seen.head.score_map[image_index], (5, 6))
    expected = module(seen.encoded.pool5[image_index], saliency, maps)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


def test_classes_that_are_not_there_do_not_reach_the_maps() -> None:
    module, seen = bridge().eval(), traced()
    image_index, saliency = torch.tensor([2, 0]), torch.randn(2, 4, 5, 6)
    asked = torch.eye(5)[:2]
    present = torch.tensor([[True, True, False, False, False], [False, True, False, True, False]])

    got = module.activation(seen, image_index, asked, saliency, present)

    absent = seen.head.score_map.clone()
    absent[2, 2:], absent[0, [0, 2, 4]] = -100, -100
    without = replace(seen, head=replace(seen.head, score_map=absent))
    assert torch.equal(got, module.activation(without, image_index, asked, saliency))
    assert not torch.equal(got, module.activation(seen, image_index, asked, saliency))


def test_classes_asked_for_weigh_one_whatever_their_probability() -> None:
    probability = torch.tensor([[0.1, 0.9, 0.4], [0.2, 0.7, 1.0]])
    asked = torch.tensor([[True, True, False], [False, True, False]])

    seed = bridge().seed(probability, asked)

    assert torch.equal(seed, torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))


def test_without_evidence_other_classes_do_not_matter() -> None:
    saliency, image_index = torch.randn(3, 4, 5, 6), torch.arange(3)
    one, other = torch.eye(3, 5), torch.eye(3, 5).flip(1)

    def same(module: PaddedBridge) -> bool:
        first, second = (
            module.activation(traced(), image_index, seed, saliency) for seed in (one, other)
        )
        return torch.equal(first, second)

    assert same(bridge(evidence=False).eval())
    assert not same(bridge(evidence=True).eval())


def test_the_start_of_the_weights_can_be_chosen() -> None:
    plain, small = (
        float(bridge(initialise=start).state_dict()["layers.0.0.weight"].std())
        for start in (he, gaussian)
    )

    assert plain == pytest.approx((2 / 90) ** 0.5, rel=0.1)
    assert small == pytest.approx(0.01, rel=0.1)


def test_f_cls_of_zero_gives_finite_gradients_everywhere() -> None:
    module = bridge()
    pool5, saliency, maps = inputs()

    module(pool5, torch.zeros_like(saliency), maps).square().sum().backward()

    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
