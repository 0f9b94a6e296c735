from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from decouplednet.benchmark import original
from decouplednet.benchmark.original import (
    original_maps,
    own_maps,
    passes_of,
    plain_trace,
    settled_maps,
)
from decouplednet.benchmark.subject import Subject
from decouplednet.networks.precision import beside_bytes
from decouplednet.networks.ranges import ranges_of
from decouplednet.networks.saliency import saliency_by_autograd
from tests.benchmark.conftest import small_subject
from tests.machine import needs_bytes

EACH = [
    ("tiny", 64),
    ("tiny-skip", 96),
    pytest.param("light", 96, marks=pytest.mark.slow),
    pytest.param("skip", 112, marks=pytest.mark.slow),
    pytest.param("fast", 112, marks=pytest.mark.slow),
    pytest.param("vgg16", 224, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("preset", "side"), EACH)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_all_ways_give_the_same_maps(preset: str, side: int, count: int) -> None:
    subject, asked = small_subject(preset, side), passes_of(count, 6)
    # In float32 two values that are nearly equal may change places in a pooling.
    network, image = subject.network.double(), subject.image.double()

    maps = original_maps(subject.plain_network.double(), image, asked)
    others = settled_maps(network, image, asked), own_maps(network, image, asked)

    assert maps.shape == (count + bool(count), 2, side, side)
    for other in others:
        torch.testing.assert_close(other.double(), maps, rtol=0, atol=1e-5)
    # They differ by far more than that from place to place, and from pass to pass.
    assert not count or float(maps[:, 1].std(dim=(1, 2)).min()) > 1e-2
    assert count < 2 or float((maps[0] - maps[1]).abs().max()) > 1e-2


@needs_bytes
def test_a_network_in_bytes_knows_its_ranges() -> None:
    exact = small_subject("tiny-skip", 96)  # without switches, which would move
    rough, asked = replace(exact, precision=torch.int8), passes_of(2, 6)

    expected = own_maps(exact.network, exact.image, asked)
    got = own_maps(rough.network, rough.image, asked, torch.int8)
    halved = own_maps(exact.network, exact.image, asked, beside_bytes(torch.int8))

    assert not ranges_of(exact.network)
    assert float((got - expected).abs().mean()) < 0.05 * float(expected.std())
    assert not torch.equal(got, halved)


def test_f_cls_of_a_pass_is_the_gradient_of_its_classes(subject: Subject) -> None:
    network, asked = subject.plain_network, passes_of(2, 6)[2:]
    seen: list[Tensor] = []
    assert isinstance(network.bridge, nn.Module)
    network.bridge.register_forward_pre_hook(lambda _, given: seen.append(given[1]))

    traced = plain_trace(network.classifier, subject.image)
    with torch.no_grad():
        original.plain_scores(network, traced, asked, asked)

    seed = network.bridge.seed(traced.score.detach().sigmoid(), asked)
    first = torch.zeros(1, dtype=torch.int64)
    expected = saliency_by_autograd(
        seed, first, traced.encoded.pool5.detach(), network.classifier.head
    )
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("count", "encoded", "decoded"), [(0, 1, 0), (1, 3, 2), (3, 5, 4)])
def test_the_original_runs_two_and_k_whole_networks(
    count: int, encoded: int, decoded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, calls = small_subject(), {"encode": 0, "decode": 0}
    encode, scores = original.plain_encoding, original.plain_scores

    def counted_encode(*given: object) -> object:
        calls["encode"] += 1
        return encode(*given)  # type: ignore[arg-type]

    def counted_decode(*given: object) -> object:
        calls["decode"] += 1
        return scores(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(original, "plain_encoding", counted_encode)
    monkeypatch.setattr(original, "plain_scores", counted_decode)

    original_maps(subject.plain_network, subject.image, passes_of(count, 6))

    assert calls == {"encode": encoded, "decode": decoded}


def test_bf16_gives_about_the_same_maps(subject: Subject) -> None:
    asked = passes_of(2, 6)

    exact = own_maps(subject.network, subject.image, asked)
    rough = own_maps(subject.network, subject.image, asked, torch.bfloat16)

    assert rough.dtype == torch.float32
    alike = torch.corrcoef(torch.stack([rough[:, 1].flatten(), exact[:, 1].flatten()]))[0, 1]
    assert 0.5 < float(alike) < 1  # a random network makes much of little


def test_another_encoder_has_no_original() -> None:
    with pytest.raises(TypeError, match=r"^Identity is no VGG$"):
        original.plain_encoding(nn.Identity(), torch.zeros(1, 3, 32, 32))
