"""A run that was given minutes, on a clock that its parts move."""

import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decouplednet.errors import SettingsError, TrainingError
from decouplednet.settings import Settings
from decouplednet.training.announcement import describe
from decouplednet.training.curve import read_curve
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.run import train
from decouplednet.training.stages import MaskStage, Stage
from decouplednet.training.student import StudentStage
from decouplednet.training.timed_plan import plan_within_minutes
from decouplednet.training.timetable import (
    UNTIMED,
    Watch,
    timed,
)
from tests.training.clock import FakeClock
from tests.training.conftest import quick, start
from tests.training.timed_runs import (
    CHANGES,
    MINUTES,
    PREDICTION,
    Machine,
    believe_the_tags,
    slowed_machine,
    timed_settings,
    train_timed,
)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """A machine on which 10 minutes are some dozens of updates."""
    return slowed_machine(monkeypatch, tmp_path / "cache")


@pytest.mark.parametrize("slowness", [1.0, 2.0, 0.5], ids=["as tried", "twice", "half"])
def test_a_run_takes_its_minutes_however_fast_its_steps_are(
    slowness: float, machine: Machine, shapes: Path, tmp_path: Path
) -> None:
    run, minutes, (plan,) = train_timed(
        machine, shapes, tmp_path / "run", slowness, settings=timed_settings()
    )
    assert 0.9 * MINUTES <= minutes <= 1.1 * MINUTES
    assert plan.budget
    made = json.loads((run.folder / "run.json").read_text())["updates"]
    for name, updates in plan.budget.updates.items():
        assert 0.7 <= made[name] * slowness / updates <= 1.2, name


def _studying() -> Settings:
    """Return settings of an hour with a stage 3."""
    return timed_settings(
        *("minutes=60", "self_training.enabled=true"),
        *("self_training.images_per_update=4", "self_training.updates_per_epoch=12"),
    )


@pytest.mark.parametrize("slowness", [1.0, 1.5])
def test_a_run_with_self_training_takes_its_minutes_too(
    slowness: float, machine: Machine, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    believe_the_tags(machine, monkeypatch)

    run, minutes, (plan,) = train_timed(
        machine, shapes, tmp_path / "run", slowness, settings=_studying()
    )

    assert 0.9 * 60 <= minutes <= 1.1 * 60
    assert plan.budget
    made = json.loads((run.folder / "run.json").read_text())["updates"]
    assert set(made) == {"classifier", "segmenter", "student"}
    for name, updates in plan.budget.updates.items():
        assert 0.7 <= made[name] * slowness / updates <= 1.2, name


@pytest.mark.parametrize("update", [12, 23], ids=["after a checkpoint", "long after one"])
def test_a_killed_run_takes_the_minutes_that_are_left(
    update: int, machine: Machine, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        _stop_at(MaskStage, "segmenter", update, patch)
        with pytest.raises(KeyboardInterrupt):
            train_timed(machine, shapes, out, settings=timed_settings())
    first = (machine.clock.now - FakeClock().now) / 60
    assert 4 < first < 9
    machine.clock.now += 86_400  # a day later
    _, second, (plan,) = train_timed(machine, shapes, out, resume=True)
    assert 0.9 * MINUTES <= first + second <= 1.1 * MINUTES
    assert dict(describe(plan, 1e9))["expected"].startswith(
        "10 min, those of earlier attempts included; "
    )
    assert dict(describe(plan, 1e9))["stage 2, masks"].startswith("updates as the time allows of 4")


def _stop_at(kind: type[Stage], name: str, update: int, patch: pytest.MonkeyPatch) -> None:
    """Interrupt a stage of that name, but not while its speed is tried out without a trainer."""
    loss = kind.loss

    def stop(stage: Stage, batch: Any) -> Any:
        if stage._trainer is not None and (stage.name, stage.global_step) == (name, update):
            raise KeyboardInterrupt
        return loss(stage, batch)

    patch.setattr(kind, "loss", stop)


@pytest.mark.parametrize(
    ("kind", "stopped"), [(MaskStage, "segmenter-1"), (StudentStage, "student")]
)
def test_a_run_with_self_training_that_was_stopped_takes_the_minutes_that_are_left(
    kind: type[Stage],
    stopped: str,
    machine: Machine,
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    believe_the_tags(machine, monkeypatch)
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        _stop_at(kind, stopped, 7, patch)
        with pytest.raises(KeyboardInterrupt):
            train_timed(machine, shapes, out, settings=_studying())
    first = (machine.clock.now - FakeClock().now) / 60
    assert json.loads((out / "run.json").read_text())["seconds"]["interrupted"] > 0
    machine.clock.now += 86_400  # a day later

    _, second, _ = train_timed(machine, shapes, out, resume=True)

    assert 0.9 * 60 <= first + second <= 1.1 * 60


def test_what_a_timed_run_did_is_noted_and_can_be_done_again(
    machine: Machine, shapes: Path, tmp_path: Path
) -> None:
    run, _, (plan,) = train_timed(machine, shapes, tmp_path / "run", settings=timed_settings())
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["seconds"].keys() == {"start", "features", "classifier", "segmenter", "scores"}
    assert facts["seconds"]["features"] == 10 * 2.0  # of one view
    rows = [row["stage"] for row in read_curve(run.folder / "curves.csv")]
    assert facts["updates"] == {name: rows.count(name) for name in ("classifier", "segmenter")}
    assert run.segmenter.training["updates"] == facts["updates"]
    recorded = Settings.read(run.folder / "settings.toml")
    assert recorded == plan.settings
    assert recorded.minutes == MINUTES
    assert recorded.segmenter.minutes is None
    changes = {f"{name}.updates": updates for name, updates in facts["updates"].items()}
    again = train(
        shapes, out=tmp_path / "again", settings=recorded.changed({"minutes": None} | changes)
    )
    assert again.segmenter.training["updates"] == facts["updates"]


def test_the_minutes_of_train_stand_for_those_of_thetimed_settings(
    machine: Machine, shapes: Path, tmp_path: Path
) -> None:
    plans: list[Plan] = []

    def stop(plan: Plan) -> None:
        plans.append(plan)
        raise KeyboardInterrupt

    begun = machine.clock.now
    with pytest.raises(KeyboardInterrupt):
        train(
            shapes,
            out=tmp_path / "run",
            settings=quick(*CHANGES, "minutes=7"),
            minutes=12.5,
            clock=machine.clock,
            started=begun - 40,  # importing torch takes its time
            announce=stop,
        )
    (plan,) = plans
    assert plan.settings.minutes == 12.5
    assert plan.budget
    assert plan.budget.seconds["start"] == 40 + machine.clock.now - begun
    with pytest.raises(SettingsError, match=r"^minutes = -1\.0: expected a number above 0$"):
        train(shapes, out=tmp_path / "run", minutes=-1.0)


def test_too_few_minutes_are_refused_before_anything_is_written(
    machine: Machine, shapes: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"^minutes = 1: .* give at least [\d.]+ minutes"):
        train(
            shapes,
            out=tmp_path / "run",
            settings=timed_settings("minutes=1"),
            clock=machine.clock,
        )
    assert not (tmp_path / "run").exists()


def test_other_minutes_do_not_resume_a_run(interrupted: Path, shapes: Path) -> None:
    with pytest.raises(TrainingError, match=r"different now: minutes$"):
        train(shapes, out=interrupted, resume=True, minutes=5)


def test_settings_left_open_differ_from_nothing_that_was_chosen(
    interrupted: Path, shapes: Path
) -> None:
    settings = Settings(preset="tiny", segmenter={"updates": 3})
    assert train(shapes, out=interrupted, resume=True, settings=settings).metrics


def test_a_stage_that_gives_its_minutes_or_has_no_end_keeps_itstimed_settings(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path, "segmenter.minutes=3")
    classifier, segmenter = plan.settings.classifier, plan.settings.segmenter
    late = Watch(FakeClock(), end=100.0)
    assert timed(segmenter, "segmenter", network, plan, folder, late) is segmenter
    assert timed(classifier, "classifier", network, plan, folder, UNTIMED) is classifier


def test_a_stage_without_time_makes_one_update_and_says_so(
    machine: Machine, shapes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network, plan, folder = start(shapes, tmp_path, "minutes=4")
    late = Watch(machine.clock, end=machine.clock.now + 2)
    with caplog.at_level(logging.WARNING):
        settings = timed(plan.settings.segmenter, "segmenter", network, plan, folder, late)
    assert settings.minutes == pytest.approx(1 / 60)
    assert (
        "segmenter: nothing is left of minutes = 4 for this stage, so it makes a single update; "
        "the parts before took longer than expected"
    ) in caplog.text


def test_calibration_is_a_part_of_the_minutes_of_a_run(
    machine: Machine, shapes: Path, tmp_path: Path
) -> None:
    run, minutes, (plan,) = train_timed(
        machine, shapes, tmp_path / "run", settings=timed_settings("data.calibration_share=0.5")
    )
    facts = json.loads((run.folder / "run.json").read_text())

    assert plan.budget
    assert plan.budget.seconds["calibration"] == pytest.approx(2 * PREDICTION)
    assert facts["seconds"]["calibration"] == 2 * PREDICTION
    assert 0.9 * MINUTES <= minutes <= 1.1 * MINUTES


def test_the_table_says_how_the_time_is_divided(machine: Machine, shapes: Path) -> None:
    given = timed_settings()
    plan = make_plan(shapes, given)
    as_it_allows = dict(describe(plan, 1e9))["stage 2, masks"]
    assert as_it_allows == "updates as the time allows of 4 windows of 64 pixels"
    plan = plan_within_minutes(plan, given, machine.clock, machine.clock.now)
    rows = dict(describe(plan, 1e9))
    assert re.fullmatch(
        r"10 min: start 2 min, features 20 s, classifier \d+ s, segmenter 6 min, saving 0 s, "
        r"scores 4 s, report 41 s; \d\.\d GB of memory",
        rows["expected"],
    )
    assert re.fullmatch(
        r"about \d+ updates in 6 min of 4 windows of 64 pixels", rows["stage 2, masks"]
    )
    chosen = [value for name, value in describe(plan, 1e9) if name == "chosen"]
    assert chosen == [str(choice) for choice in plan.choices]
    assert "classifier.views = 1: no time for a second" in chosen
    settings = plan.settings.changed({"classifier.minutes": 3})
    rows = dict(describe(replace(plan, budget=None, settings=settings), 1e9))
    assert rows["stage 1, tags"].startswith("updates for 3 min of 4 images; ")
