from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from decouplednet.benchmark import peak as peaks
from decouplednet.benchmark import subject as subjects
from decouplednet.benchmark.memory import is_measurable
from decouplednet.benchmark.peak import Peak, peak_memory
from decouplednet.benchmark.subject import Subject
from decouplednet.inference.predictor import Predictor
from decouplednet.networks.ranges import ranges_of
from tests.benchmark.conftest import small_subject
from tests.machine import needs_bytes

needs_linux = pytest.mark.skipif(not is_measurable(), reason="no /proc/self/clear_refs here")


def here(work: Callable[..., Peak], *given: object) -> Peak:
    """Stand in for a process of its own."""
    return work(*given)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Record what is predicted, and when the peak is forgotten and read, in this process."""
    seen: list[object] = []
    predict, readings = Predictor.predict, iter((100, 900))

    def noted(self: Predictor, images: list[object], tags: list[object], **more: bool) -> object:
        seen.append((len(images), tags[-1], more, self.precision))
        return predict(self, images, tags, **more)  # type: ignore[arg-type]

    def read() -> int:
        seen.append("read")
        return next(readings)

    monkeypatch.setattr(Predictor, "predict", noted)
    monkeypatch.setattr(peaks, "in_own_process", here)
    monkeypatch.setattr(peaks, "forget_peak", lambda: seen.append("forget"))
    monkeypatch.setattr(peaks, "peak", read)
    return seen


def test_one_image_and_a_full_batch_are_measured_apart(
    subject: Subject, watched: list[object]
) -> None:
    found = peak_memory(subject, 2)

    assert found == Peak(image=100, batch=900)
    batch = (8, frozenset({"class1", "class2"}), {"class_maps": False}, None)
    assert watched == ["forget", "read", "forget", batch, "read"]


@needs_bytes
def test_ranges_are_not_measured_in_the_process_that_is_watched(
    watched: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = replace(small_subject("tiny-skip", 96), precision=torch.int8)
    known = ranges_of(subject.network)
    kept: list[dict[str, float]] = []

    def refused(*_: object) -> None:
        raise AssertionError("measured again")

    def own(work: Callable[..., Peak], given: Subject, count: int) -> Peak:
        found = work(given, count)
        kept.append(ranges_of(given.network))
        return found

    monkeypatch.setattr(subjects, "watched", refused)
    monkeypatch.setattr(peaks, "in_own_process", own)

    peak_memory(subject, 1)

    assert known
    assert kept == [known]
    assert watched[3] == (8, frozenset({"class1"}), {"class_maps": False}, torch.int8)


@needs_linux
@pytest.mark.slow
def test_the_memory_of_a_network_holds_its_weights(subject: Subject) -> None:
    weights = sum(w.numel() * w.element_size() for w in subject.network.parameters())

    found = peak_memory(subject, 2)

    assert weights < found.image < 2e9
    assert weights < found.batch < 2e9
