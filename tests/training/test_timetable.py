"""What a watch notes, and what of the time is set aside for the parts beside the stages."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Procedure
from decouplednet.stage_settings import SelfTrainingSettings
from decouplednet.training import run as runs
from decouplednet.training import timetable
from decouplednet.training.plan import Plan
from decouplednet.training.timetable import Watch, left_by_labels, seconds_after_training
from tests.training.clock import FakeClock
from tests.training.conftest import start

CALIBRATED = "data.calibration_share=0.5"  # of four images without a mask


@pytest.mark.parametrize(("taken", "minutes"), [(0.0, 2.0), (90.0, 0.5), (119.5, 1 / 60)])
def test_labels_take_their_time_from_the_minutes_of_stage_3(
    taken: float, minutes: float, caplog: pytest.LogCaptureFixture
) -> None:
    settings = SelfTrainingSettings(minutes=2)
    with caplog.at_level(logging.WARNING):
        left = left_by_labels(settings, Watch(taken={"pseudo-masks": taken, "classifier": 70}))
    assert left.minutes == pytest.approx(minutes)
    assert ("the pseudo-masks took all of self_training.minutes = 2, so" in caplog.text) == (
        taken > 119
    )
    free = SelfTrainingSettings()
    assert left_by_labels(free, Watch(taken={"pseudo-masks": taken})) is free


def test_time_for_labels_is_set_aside_until_they_are_made(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timetable, "seconds_per_prediction", lambda *_: 0.0)
    monkeypatch.setattr(timetable, "seconds_per_label", lambda *_: 7.0)
    network, plan, _ = start(shapes, tmp_path, "self_training.enabled=true")
    before, after = (
        seconds_after_training(network, plan, FakeClock(), labelled=labelled)
        for labelled in (False, True)
    )

    assert before - after == pytest.approx(7 * len(plan.roles.tags))


def test_time_for_calibration_is_set_aside_when_a_stage_begins(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timetable, "seconds_per_prediction", lambda *_: 7.0)
    aside = []
    for name, changes in (("with", (CALIBRATED,)), ("without", ())):
        network, plan, _ = start(shapes, tmp_path / name, *changes)
        aside.append(seconds_after_training(network, plan, FakeClock(), labelled=False))
    assert aside[0] - aside[1] == pytest.approx(2 * 7.0)


def test_labels_are_timed_as_stage_3_makes_them(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, _ = start(shapes, tmp_path, "self_training.enabled=true", "prediction.flip=true")
    clock, told = FakeClock(), list[tuple[int, frozenset[str]]]()

    def predict(predictor: Predictor, images: list[object], tags: list[frozenset[str]]) -> None:
        assert predictor.procedure == Procedure()  # one view, whatever scores are made of
        told.extend((len(images), names) for names in tags)
        clock.now += 3 * len(images)

    monkeypatch.setattr(Predictor, "predict", predict)

    assert timetable.seconds_per_label(network, plan, clock) == 3
    known = [names for names in plan.tags if names is not None]
    assert [names for _, names in told[1:]] == known[:: max(1, len(known) // 8)][:8]
    assert told[0] == (1, known[0])


def test_without_a_stage_3_no_label_takes_time(shapes: Path, tmp_path: Path) -> None:
    network, plan, _ = start(shapes, tmp_path)

    assert timetable.seconds_per_label(network, plan, FakeClock()) == 0


def test_calibration_computes_where_the_run_does(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plan, folder = start(shapes, tmp_path, CALIBRATED)
    elsewhere = replace(plan, machine=replace(plan.machine, device=torch.device("meta")))
    clock, noted = FakeClock(), dict[str, float]()

    def calibrate(predictor: Predictor, _: Plan) -> Procedure:
        assert predictor.device.type == "meta"
        assert next(predictor.network.parameters()).device.type == "meta"
        clock.now += 9
        return Procedure(flip=True)

    monkeypatch.setattr(runs, "calibrate", calibrate)
    for stage in ("train_classifier", "train_segmenter"):
        monkeypatch.setattr(runs, stage, lambda *_: None)
    watch = Watch(clock, note=noted.__setitem__)
    segmenter = runs.train_stages(elsewhere, folder, {"seconds": {}}, watch)

    assert segmenter.procedure == Procedure(flip=True)
    assert noted["calibration"] == 9


def test_a_watch_notes_what_came_to_its_end() -> None:
    clock, noted = FakeClock(), dict[str, float]()
    watch = Watch(clock, note=noted.__setitem__)
    with watch.noted("features"):
        clock.now += 8
    with pytest.raises(KeyboardInterrupt), watch.noted("scores"):
        raise KeyboardInterrupt
    assert noted == {"features": 8}
