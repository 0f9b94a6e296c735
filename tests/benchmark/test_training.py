import pytest
import torch
from torch import nn

from decouplednet.benchmark import training
from decouplednet.benchmark.subject import Subject
from decouplednet.benchmark.training import tag_steps, training_steps
from tests.benchmark.conftest import small_subject


def copy_made(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """Return the copy of a subject whose networks will learn."""
    monkeypatch.setattr(training, "replace", lambda _: subject)
    return subject


def test_the_networks_that_learn_are_copies(subject: Subject) -> None:
    before = subject.network.decoder.state_dict()["score.bias"].clone()

    training_steps(subject, None)["own"]()

    assert torch.equal(subject.network.decoder.state_dict()["score.bias"], before)
    assert not any(weight.requires_grad for weight in subject.network.parameters())


@pytest.mark.parametrize("preset", ["tiny", "tiny-skip"])
def test_both_steps_learn_the_same_from_the_same(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = copy_made(small_subject(preset), monkeypatch)
    steps = training_steps(subject, None)
    networks = {"plain": subject.plain_network, "own": subject.network}
    before = {
        name: one.decoder.state_dict()["score.bias"].clone() for name, one in networks.items()
    }

    losses = {name: step() for name, step in steps.items()}

    assert losses["own"] == pytest.approx(losses["plain"], rel=1e-4)
    moved = {
        name: one.decoder.state_dict()["score.bias"] - before[name]
        for name, one in networks.items()
    }
    assert moved["own"].abs().max() > 0
    torch.testing.assert_close(moved["own"], moved["plain"], rtol=1e-2, atol=1e-9)


def test_the_classifier_stands_still(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = copy_made(subject, monkeypatch)
    before = {name: t.clone() for name, t in subject.network.classifier.state_dict().items()}

    training_steps(subject, torch.bfloat16)["own"]()

    after = subject.network.classifier.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("preset", ["tiny", "tiny-skip"])
def test_a_head_learns_the_same_from_kept_features_as_from_images(
    preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = copy_made(small_subject(preset), monkeypatch)
    networks = {"plain": subject.plain_network, "own": subject.network}
    for network in networks.values():
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0  # what it drops depends on the layout
    steps = tag_steps(subject, None)
    before = {
        name: {key: tensor.clone() for key, tensor in one.state_dict().items()}
        for name, one in networks.items()
    }

    losses = {name: step() for name, step in steps.items()}

    assert losses["own"] == pytest.approx(losses["plain"], rel=1e-3)  # features are float16
    key = "classifier.head.score.weight"
    moved = {name: one.state_dict()[key] - before[name][key] for name, one in networks.items()}
    assert moved["own"].abs().max() > 0
    torch.testing.assert_close(moved["own"], moved["plain"], rtol=0.05, atol=1e-8)
    for name, one in networks.items():
        changed = {k for k, tensor in one.state_dict().items() if not tensor.equal(before[name][k])}
        assert changed
        assert all(key.startswith("classifier.head.") for key in changed)


def test_kept_features_spare_the_convolutions(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = copy_made(subject, monkeypatch)
    step = tag_steps(subject, torch.bfloat16)["own"]
    calls = []
    for layer in subject.network.classifier.encoder.modules():
        layer.register_forward_hook(lambda *given: calls.append(given))

    step()

    assert calls == []
