"""What the pieces of a run are found to take, on a clock that the pieces move."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from decouplednet.dataset.masked import MaskedImages
from decouplednet.dataset.tagged import TaggedImages
from decouplednet.errors import TrainingError
from decouplednet.training import timetable
from decouplednet.training.kept_features import Frozen
from decouplednet.training.plan import make_plan
from decouplednet.training.stages import MaskStage, TagStage
from decouplednet.training.start import start_network
from decouplednet.training.survey import Piece
from decouplednet.training.timetable import saving_seconds
from decouplednet.training.trial import try_out
from tests.training.clock import FakeClock
from tests.training.conftest import quick

Method = Callable[..., Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that each piece moves by seconds of its own."""
    clock = FakeClock()

    def slow(owner: Any, name: str, seconds: Callable[..., float]) -> None:
        done: Method = getattr(owner, name)

        def slowed(*given: Any, **more: Any) -> Any:
            clock.now += seconds(*given)
            return done(*given, **more)

        monkeypatch.setattr(owner, name, slowed)

    slow(TaggedImages, "view", lambda *_: 0.25)
    slow(Frozen, "features", lambda _, images: 0.5 * len(images))
    slow(TagStage, "loss", lambda _, batch: 0.125 * len(batch[0]))
    slow(MaskedImages, "__getitem__", lambda *_: 0.0625)
    slow(MaskStage, "loss", lambda _, batch: 2.0 * len(batch[0]))
    slow(timetable, "evaluate_both", lambda *given: 2 * 3.0 * len(given[2]))
    return clock


def test_frozen_convolutions_are_timed_apart_from_what_learns(
    shapes: Path, clock: FakeClock
) -> None:
    plan = make_plan(shapes, quick("classifier.trained_groups=0", "side=64"))
    network = start_network(plan)
    speed = try_out(network, plan, clock)
    assert speed.view == Piece(0.25, 0.5)
    assert speed.tags == Piece(0.0, 0.125)
    assert speed.masks == Piece(0.0625, 2.0)
    assert speed.prediction == Piece(0.25, 2.75)
    assert (speed.side, speed.window_side) == (64, 64)
    assert speed.saving == saving_seconds(network)


def test_where_all_groups_learn_every_update_reads_its_images(
    shapes: Path, clock: FakeClock
) -> None:
    plan = make_plan(shapes, quick("side=64", "segmenter.side=32", "segmenter.images_per_step=2"))
    speed = try_out(start_network(plan), plan, clock)
    assert speed.view == Piece(0.0, 0.0)
    assert speed.tags == Piece(0.25, 0.125)
    assert speed.masks == Piece(0.0625, 2.0)
    assert speed.window_side == 32


def test_large_steps_are_tried_with_few_windows(
    shapes: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    loss = MaskStage.loss

    def note(stage: MaskStage, batch: Sequence[torch.Tensor]) -> torch.Tensor:
        sizes.append(len(batch[0]))
        return loss(stage, batch)  # type: ignore[arg-type]  # three tensors

    monkeypatch.setattr(MaskStage, "loss", note)
    plan = make_plan(shapes, quick("side=64", "segmenter.images_per_update=40"))
    try_out(start_network(plan), plan, clock)
    assert set(sizes) == {8}


def test_memory_that_is_too_small_to_try_anything_is_said(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(MaskStage, "loss", run_out)
    plan = make_plan(shapes, quick("side=64"))
    with pytest.raises(
        TrainingError,
        match=r"^memory ran out for 4 images of 64 pixels with preset tiny; choose a smaller side "
        r"or preset, or a machine with more memory$",
    ):
        try_out(start_network(plan), plan, FakeClock())


def test_other_faults_are_not_taken_for_a_lack_of_memory(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(MaskStage, "loss", fail)
    plan = make_plan(shapes, quick("side=64"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        try_out(start_network(plan), plan, FakeClock())
