"""A run that was interrupted: resuming changes nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from decouplednet.errors import SettingsError, TrainingError
from decouplednet.networks.presets import preset_named
from decouplednet.report.finished_run import read_run
from decouplednet.retired_settings import RETIRED
from decouplednet.training import run as runs
from decouplednet.training.curve import read_curve
from decouplednet.training.run import train
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import Stage
from tests.training.conftest import copy_of, quick, same, train_until, weights_of

DROPPING = ("classifier.dropout=0.4", "segmenter.updates=5")


@pytest.fixture(scope="module")
def undisturbed(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A run with dropout that went through."""
    return train(shapes, out=tmp_path_factory.mktemp("runs") / "run", settings=quick(*DROPPING))


def test_an_interrupted_run_ends_as_one_without_interruption(
    interrupted: Path, finished: runs.Run, shapes: Path
) -> None:
    resumed = train(shapes, out=interrupted, resume=True)
    assert same(weights_of(finished.folder), weights_of(resumed.folder))
    kept = [dict(row) for row in read_curve(interrupted / "curves.csv")]
    assert kept == read_curve(finished.folder / "curves.csv")
    assert not (interrupted / "checkpoints").exists()


def test_a_run_whose_settings_name_what_was_taken_out_since_goes_on_and_is_read(
    interrupted: Path, finished: runs.Run, shapes: Path
) -> None:
    settings = RunFolder(interrupted).settings
    now = settings.read_text()
    for name, value in RETIRED.items():
        section, key = name.split(".")
        written = settings.read_text()
        assert written.count(f"[{section}]\n") == 1
        settings.write_text(written.replace(f"[{section}]\n", f"[{section}]\n{key} = {value}\n"))

    resumed = train(shapes, out=interrupted, resume=True)

    assert same(weights_of(finished.folder), weights_of(resumed.folder))
    assert read_run(interrupted).settings.to_toml() == now


def test_a_run_that_followed_what_was_taken_out_since_does_not_go_on(
    interrupted: Path, shapes: Path
) -> None:
    settings = RunFolder(interrupted).settings
    followed = settings.read_text().replace("[segmenter]\n", "[segmenter]\npasted_share = 0.5\n")
    settings.write_text(followed)

    told = (
        f"{settings}: settings that were taken out: [segmenter] pasted_share = 0.5 (only 0.0 can "
        "still be followed); finish what began so with the version that began it, or begin anew "
        "without, which gives another result"
    )
    for given in (None, quick()):
        with pytest.raises(SettingsError, match=f"^{re.escape(told)}$"):
            train(shapes, out=interrupted, settings=given, resume=True)
    assert settings.read_text() == followed


@pytest.mark.parametrize("stage", ["classifier", "segmenter"])
@pytest.mark.parametrize("update", [1, 2, 4])
def test_a_run_stopped_at_any_update_ends_as_one_without_interruption(
    stage: str,
    update: int,
    shapes: Path,
    undisturbed: runs.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    train_until((stage, update), shapes, out, quick(*DROPPING), monkeypatch)
    resumed = train(shapes, out=out, resume=True)
    assert same(weights_of(undisturbed.folder), weights_of(resumed.folder))
    assert read_curve(out / "curves.csv") == read_curve(undisturbed.folder / "curves.csv")


def test_a_run_stopped_in_a_stage_and_moved_is_resumed_without_a_warning(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Stage.training_step

    def stop(module: Stage, batch: Any, batch_index: int) -> torch.Tensor:
        if module.global_step == 4:
            raise MemoryError
        return step(module, batch, batch_index)

    with monkeypatch.context() as patch:
        patch.setattr(Stage, "training_step", stop)
        with pytest.raises(MemoryError):
            train(shapes, out=tmp_path / "run", settings=quick())
    (tmp_path / "run").rename(tmp_path / "moved")
    assert train(shapes, out=tmp_path / "moved", resume=True).metrics


def test_the_same_settings_or_another_device_do(interrupted: Path, shapes: Path) -> None:
    settings = runs.resumed_settings(RunFolder(interrupted), quick("compute.workers=1"))
    assert settings.compute.workers == 1
    assert settings.side == 96


def test_a_run_from_a_weights_file_is_resumed_from_any_working_directory(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    state = preset_named("tiny").build(3).classifier.encoder.state_dict()
    words = {"input": "RGB, 0-1, minus (0.5, 0.5, 0.5), divided by (0.2, 0.2, 0.2)"}
    save_file(state, tmp_path / "w.safetensors", words)
    settings = quick("classifier.weights=w.safetensors")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "train_segmenter", stop)
        with pytest.raises(KeyboardInterrupt):
            train(shapes, out=tmp_path / "run", settings=settings)
    recorded = runs.resumed_settings(RunFolder(tmp_path / "run"), settings)
    assert recorded.classifier.weights == str(tmp_path / "w.safetensors")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(TrainingError, match=r"different now: classifier\.weights$"):
        runs.resumed_settings(RunFolder(tmp_path / "run"), settings)
    assert train(shapes, out=tmp_path / "run", resume=True).metrics


def test_a_data_set_that_moved_resumes_a_run(
    interrupted: Path, finished: runs.Run, shapes: Path, tmp_path: Path
) -> None:
    resumed = train(copy_of(shapes, tmp_path / "moved"), out=interrupted, resume=True)
    assert same(weights_of(finished.folder), weights_of(resumed.folder))


def test_reading_a_finished_stage_back_adds_nothing_to_its_seconds(
    unscored: Path, shapes: Path
) -> None:
    facts = json.loads((unscored / "run.json").read_text())
    assert all(seconds > 0 for seconds in facts["seconds"].values())
    resumed = json.loads((train(shapes, out=unscored, resume=True).folder / "run.json").read_text())
    assert resumed["seconds"].pop("scores") >= 0
    assert resumed["seconds"] == facts["seconds"]


@pytest.mark.parametrize("written", ["nothing", "settings"])
def test_a_run_killed_while_it_begins_starts_or_is_resumed(
    written: str,
    shapes: Path,
    finished: runs.Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        if written == "nothing":
            patch.setattr(runs, "write_atomically", stop)
        else:
            patch.setattr(RunFolder, "write_json", stop)
        with pytest.raises(KeyboardInterrupt):
            train(shapes, out=out, settings=quick())
    assert RunFolder(out).can_go_on() == (written == "settings")
    if written == "nothing":
        run = train(shapes, out=out, settings=quick())
    else:
        run = train(shapes, out=out, resume=True)
    assert same(weights_of(finished.folder), weights_of(run.folder))
    assert (out / "run.json").exists()
