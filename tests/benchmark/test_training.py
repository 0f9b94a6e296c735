import pytest
import torch

from decouplednet.benchmark import training
from decouplednet.benchmark.subject import Subject
from decouplednet.benchmark.training import training_steps
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
