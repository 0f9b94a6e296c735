"""A stage that ends by the clock, trained by Lightning with a clock that its steps move."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from decouplednet.networks.decouplednet import freeze
from decouplednet.training.curve import read_curve
from decouplednet.training.fit import effort_of, fit
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.segmenter import masked_images
from decouplednet.training.stages import MaskStage
from decouplednet.training.start import start_network
from tests.training.clock import FakeClock
from tests.training.conftest import changed_parts, start

TIMED = (
    *("segmenter.minutes=1", "segmenter.updates=30", "segmenter.warmup_updates=0"),
    *("segmenter.updates_per_epoch=4", "segmenter.learning_rate=0.01"),
)


class Paced(MaskStage):
    """A stage of which every step takes some seconds of a clock."""

    clock: FakeClock
    seconds = 7.0

    def loss(self, batch: Any) -> torch.Tensor:
        """Move the clock."""
        self.clock.now += self.seconds
        return super().loss(batch)


def _fit(plan: Plan, folder: RunFolder, *, seconds: float = 7.0, stop_at: int = 0) -> Paced:
    """Train stage 2 with steps of so many seconds."""
    network = start_network(plan)
    freeze(network.classifier)
    stage = Paced(network, plan.settings.segmenter, seed=plan.settings.seed)
    stage.clock, stage.seconds = FakeClock(), seconds
    loss = stage.loss

    def stopping(batch: Any) -> torch.Tensor:
        if stop_at and stage.global_step == stop_at:
            raise MemoryError
        return loss(batch)

    stage.loss = stopping  # type: ignore[method-assign]  # of this one alone
    fit(
        stage,
        masked_images(plan, plan.roles.masks),
        folder=folder.checkpoints / "segmenter",
        curve=folder.curves,
        compute=plan.machine,
        clock=stage.clock,
    )
    return stage


def _rates(folder: RunFolder) -> list[float]:
    return [float(row["learning_rate"]) for row in read_curve(folder.curves)]


@pytest.mark.parametrize(("seconds", "updates"), [(7.0, 9), (14.0, 5), (3.5, 18)])
def test_a_stage_ends_at_the_first_update_after_its_time(
    seconds: float, updates: int, shapes: Path, tmp_path: Path
) -> None:
    _, plan, folder = start(shapes, tmp_path, *TIMED)
    stage = _fit(plan, folder, seconds=seconds)
    assert effort_of(folder.checkpoints / "segmenter").updates == updates
    assert stage.pace.taken() == pytest.approx(seconds * updates)
    assert 60 <= stage.pace.taken() < 60 + seconds
    # The step size falls in a line to zero at the end of the time.
    expected = [0.01 * (1 - seconds * update / 60) for update in range(updates)]
    assert _rates(folder) == pytest.approx(expected, rel=1e-5)


def test_the_optimiser_takes_the_step_size_of_the_clock(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[float] = []
    step = torch.optim.AdamW.step

    def watch(optimizer: torch.optim.AdamW, closure: Any = None) -> Any:
        result = step(optimizer, closure)
        taken.append(optimizer.param_groups[0]["lr"])
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", watch)
    _, plan, folder = start(shapes, tmp_path, *TIMED, "segmenter.images_per_step=2")
    _fit(plan, folder)
    assert taken == pytest.approx(_rates(folder), rel=1e-5)
    assert taken == pytest.approx([0.01 * (1 - 14 * update / 60) for update in range(5)])


def test_a_stage_resumed_after_a_kill_has_the_rest_of_its_time(
    shapes: Path, tmp_path: Path
) -> None:
    _, plan, folder = start(shapes, tmp_path, *TIMED)
    with pytest.raises(MemoryError):
        _fit(plan, folder, stop_at=6)
    noted = effort_of(folder.checkpoints / "segmenter")
    assert (noted.updates, noted.seconds) == (4, 28.0)  # of its last checkpoint
    resumed = _fit(plan, folder)
    assert effort_of(folder.checkpoints / "segmenter").updates == 9
    assert resumed.pace.taken() == pytest.approx(63)
    assert [row["update"] for row in read_curve(folder.curves)] == [str(n) for n in range(1, 10)]
    assert _rates(folder) == pytest.approx([0.01 * (1 - 7 * n / 60) for n in range(9)], rel=1e-5)


def test_a_stage_whose_time_was_over_is_read_back_and_not_trained_on(
    shapes: Path, tmp_path: Path
) -> None:
    _, plan, folder = start(shapes, tmp_path, *TIMED)
    ended = _fit(plan, folder)
    curve = folder.curves.read_bytes()
    again = _fit(plan, folder)
    assert again.clock.now == FakeClock().now, "no step was made"
    assert folder.curves.read_bytes() == curve
    assert not changed_parts(ended.network.state_dict(), again.network.state_dict())


def test_a_stage_that_ended_goes_on_where_it_gets_more_time(shapes: Path, tmp_path: Path) -> None:
    _, plan, folder = start(shapes, tmp_path, *TIMED)
    _fit(plan, folder)
    longer = replace(plan, settings=plan.settings.changed({"segmenter.minutes": 1.5}))
    _fit(longer, folder)
    assert effort_of(folder.checkpoints / "segmenter").updates == 13  # 13 * 7 >= 90
    assert [row["update"] for row in read_curve(folder.curves)] == [str(n) for n in range(1, 14)]


def test_memory_that_runs_out_costs_the_time_it_took(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plan, folder = start(shapes, tmp_path, *TIMED)
    losses = Paced.loss

    def run_out(stage: Paced, batch: Any) -> torch.Tensor:
        loss = losses(stage, batch)
        if len(batch[0]) == 4 and stage.global_step == 1:
            raise torch.OutOfMemoryError("no memory left")
        return loss

    monkeypatch.setattr(Paced, "loss", run_out)
    stage = _fit(plan, folder)
    # Two whole steps are lost; then two halves make an update: 14 + 4 * 14 >= 60.
    assert effort_of(folder.checkpoints / "segmenter").updates == 4
    assert stage.pace.taken() == pytest.approx(70)


def test_progress_counts_the_time(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, plan, folder = start(shapes, tmp_path, *TIMED)
    _fit(replace(plan, machine=replace(plan.machine, progress=True)), folder)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(", loss")[0] for line in lines] == [
        f"stage 2, masks: update {update}" for update in (4, 8, 9)
    ]
    assert [line.split(", ")[-1] for line in lines] == ["32 s left", "4 s left", "0 s left"]


class Ticking:
    """A clock that goes on whenever it is read, at a speed of its own on every device."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Return the seconds shown."""
        self._now += 1.0 + 3.0 * int(os.environ.get("LOCAL_RANK", "0"))
        return self._now


@pytest.mark.slow
def test_two_devices_end_at_the_same_update_by_the_clock_of_the_first(
    shapes: Path, tmp_path: Path
) -> None:
    changes = ("segmenter.minutes=0.6", "compute.devices=2", "segmenter.images_per_step=2")
    network, plan, folder = start(shapes, tmp_path, *TIMED, *changes)
    freeze(network.classifier)
    stage = MaskStage(network, plan.settings.segmenter, seed=0)
    fit(
        stage,
        masked_images(plan, plan.roles.masks),
        folder=folder.checkpoints / "segmenter",
        curve=folder.curves,
        compute=plan.machine,
        clock=Ticking(),
    )
    # Three readings an update, and one a checkpoint: 36 seconds of the first device's clock.
    assert 8 <= effort_of(folder.checkpoints / "segmenter").updates <= 12
