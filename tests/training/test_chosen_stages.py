"""A run that was given minutes and chooses by itself whether it has a stage 3."""

import json
from pathlib import Path

import pytest

from decouplednet.settings import Settings
from decouplednet.training import budget as budgets
from decouplednet.training import run as runs
from decouplednet.training import timed_plan
from decouplednet.training.plan import Plan
from decouplednet.training.run import train
from tests.training.conftest import preset_left_open
from tests.training.timed_runs import (
    CHANGES,
    Machine,
    believe_the_tags,
    slowed_machine,
    train_timed,
)

SETTINGS = (
    *(*CHANGES, "side=96", "segmenter.side=96"),
    *("self_training.images_per_update=4", "self_training.updates_per_epoch=12"),
)
STAGES = ("classifier", "segmenter", "student")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """A machine whose best preset is a small one, for which some dozens of updates are enough."""
    monkeypatch.setattr(timed_plan, "BEST", "tiny-skip")
    monkeypatch.setattr(budgets, "ENOUGH", 0.1)
    return slowed_machine(monkeypatch, tmp_path / "cache")


@pytest.mark.parametrize(("minutes", "stages"), [(90, 3), (40, 2)], ids=["enough", "too short"])
def test_a_run_that_chooses_its_stages_takes_its_minutes(
    minutes: int,
    stages: int,
    machine: Machine,
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    believe_the_tags(machine, monkeypatch)
    settings = preset_left_open(*SETTINGS, f"minutes={minutes}")

    run, taken, (plan,) = train_timed(machine, shapes, tmp_path / "run", settings=settings)

    assert 0.9 * minutes <= taken <= 1.1 * minutes
    made = json.loads((run.folder / "run.json").read_text())["updates"]
    assert set(made) == set(STAGES[:stages])
    recorded = Settings.read(run.folder / "settings.toml")
    assert recorded == plan.settings
    assert recorded.preset == "tiny-skip"
    assert recorded.self_training.enabled == (stages == 3)
    assert (recorded.prediction.veto, recorded.prediction.flip) == ("soft", True)
    assert run.segmenter.procedure.flip


def test_a_run_that_goes_on_chooses_nothing_anew(
    machine: Machine, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    settings = preset_left_open(*SETTINGS, "minutes=90")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train_stages", stop)
    for resume in (False, True):
        with pytest.raises(KeyboardInterrupt):
            train(
                shapes,
                out=tmp_path / "run",
                settings=settings,
                resume=resume,
                clock=machine.clock,
                announce=plans.append,
            )
        monkeypatch.setattr(timed_plan, "try_out", None)  # is not asked again

    first, second = plans
    assert first.settings.self_training.enabled
    assert second.settings == first.settings
