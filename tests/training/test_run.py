"""A whole run: what it leaves behind, what it refuses, and that resuming changes nothing."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from decouplednet.errors import TrainingError
from decouplednet.inference.model_folder import load_model
from decouplednet.settings import Settings
from decouplednet.training import run as runs
from decouplednet.training.curve import read_curve
from decouplednet.training.run import train
from decouplednet.training.run_folder import RunFolder, versions
from decouplednet.training.stages import Stage
from tests.training.conftest import quick


@pytest.fixture(scope="module")
def finished(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A run that went through without interruption."""
    return train(shapes, out=tmp_path_factory.mktemp("runs") / "whole", settings=quick())


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_folder_holds_all_that_is_promised(finished: runs.Run, shapes: Path) -> None:
    names = {path.relative_to(finished.folder).as_posix() for path in finished.folder.rglob("*")}
    assert names == {
        "curves.csv",
        "metrics.json",
        "model",
        "model/model.json",
        "model/model.safetensors",
        "run.json",
        "settings.toml",
    }
    facts = json.loads((finished.folder / "run.json").read_text())
    assert facts["data"] == str(shapes.resolve())
    assert facts["seed"] == 0
    assert facts["classes"] == ["disc", "bar", "frame"]
    assert facts["versions"] == versions()
    assert {name: len(images) for name, images in facts["roles"].items()} == {
        "tags": 10,
        "masks": 6,
        "validation": 2,
    }
    assert facts["seconds"].keys() == {"classifier", "segmenter", "scores"}


def test_the_settings_written_are_those_that_ran(finished: runs.Run) -> None:
    written = Settings.read(finished.folder / "settings.toml")
    assert written.side == 96
    assert written.classifier.weights == "none"
    assert written.segmenter.updates == 3
    assert tomllib.loads((finished.folder / "settings.toml").read_text())["seed"] == 0


def test_the_curves_have_every_update_of_both_stages(finished: runs.Run) -> None:
    rows = read_curve(finished.folder / "curves.csv")
    assert [(row["stage"], row["update"]) for row in rows] == [
        *(("classifier", str(update)) for update in range(1, 6)),
        *(("segmenter", str(update)) for update in range(1, 4)),
    ]
    assert all(float(row["loss"]) > 0 for row in rows)


def test_the_model_predicts_what_was_scored(finished: runs.Run) -> None:
    metrics = json.loads((finished.folder / "metrics.json").read_text())
    assert metrics == finished.metrics
    assert set(metrics) == {"predicted_tags", "true_tags"}
    model = load_model(finished.folder)
    assert model.classes.names == ("disc", "bar", "frame")
    assert model.training["masked_images"] == 6
    assert model.training["others"] == "ignore"


def test_the_seed_fixes_the_result(finished: runs.Run, shapes: Path, tmp_path: Path) -> None:
    again = train(shapes, out=tmp_path / "again", settings=quick())
    assert _same(_weights(finished.folder), _weights(again.folder))
    assert again.metrics == finished.metrics
    other = train(shapes, out=tmp_path / "other", settings=quick("seed=1"))
    assert not _same(_weights(finished.folder), _weights(other.folder))


def test_a_folder_in_use_is_refused(finished: runs.Run, shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="a run lies there already; continue it with --resume"):
        train(shapes, out=finished.folder, settings=quick())
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match="not an empty folder; choose another --out"):
        train(shapes, out=tmp_path, settings=quick())
    with pytest.raises(TrainingError, match="not an empty folder"):
        train(shapes, out=tmp_path / "notes.txt", settings=quick())
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match=r"notes\.txt/run: cannot be made: Not a directory$"):
        train(shapes, out=tmp_path / "notes.txt" / "run", settings=quick())


def test_nothing_is_written_when_the_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="nowhere"):
        train(tmp_path / "nowhere", out=tmp_path / "run", settings=quick())
    assert not (tmp_path / "run").exists()


def test_there_must_be_a_run_to_resume(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no run lies there to resume"):
        train(shapes, out=tmp_path / "none", resume=True)


def test_a_complete_run_is_not_resumed(finished: runs.Run, shapes: Path) -> None:
    with pytest.raises(TrainingError, match="that run is complete; its model is"):
        train(shapes, out=finished.folder, resume=True)


DROPPING = ("classifier.dropout=0.4", "segmenter.updates=5")


@pytest.fixture(scope="module")
def undisturbed(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A run with dropout that went through."""
    return train(shapes, out=tmp_path_factory.mktemp("runs") / "run", settings=quick(*DROPPING))


@pytest.fixture
def interrupted(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped between the two stages."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "train_segmenter", stop)
        with pytest.raises(KeyboardInterrupt):
            train(shapes, out=tmp_path / "run", settings=quick())
    return tmp_path / "run"


def test_an_interrupted_run_ends_as_one_without_interruption(
    interrupted: Path, finished: runs.Run, shapes: Path
) -> None:
    resumed = train(shapes, out=interrupted, resume=True)
    assert _same(_weights(finished.folder), _weights(resumed.folder))
    kept = [dict(row) for row in read_curve(interrupted / "curves.csv")]
    assert kept == read_curve(finished.folder / "curves.csv")
    assert not (interrupted / "checkpoints").exists()


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
    step = Stage.training_step

    def stop(module: Stage, batch: Any, batch_index: int) -> torch.Tensor:
        if (module.name, module.global_step) == (stage, update):
            raise MemoryError
        return step(module, batch, batch_index)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Stage, "training_step", stop)
        with pytest.raises(MemoryError):
            train(shapes, out=out, settings=quick(*DROPPING))
    resumed = train(shapes, out=out, resume=True)
    assert _same(_weights(undisturbed.folder), _weights(resumed.folder))
    assert read_curve(out / "curves.csv") == read_curve(undisturbed.folder / "curves.csv")


def test_other_settings_do_not_resume_a_run(interrupted: Path, shapes: Path) -> None:
    with pytest.raises(TrainingError, match=r"different now: seed, segmenter\.updates"):
        train(shapes, out=interrupted, resume=True, settings=quick("seed=4", "segmenter.updates=9"))


def test_the_same_settings_or_another_device_do(interrupted: Path, shapes: Path) -> None:
    settings = runs.resumed_settings(RunFolder(interrupted), quick("compute.workers=1"))
    assert settings.compute.workers == 1
    assert settings.side == 96


def test_other_data_do_not_resume_a_run(interrupted: Path, shapes: Path) -> None:
    facts = json.loads((interrupted / "run.json").read_text())
    facts["roles"]["masks"].pop()
    (interrupted / "run.json").write_text(json.dumps(facts))
    with pytest.raises(TrainingError, match=r"the roles of .* are not those the run began with"):
        train(shapes, out=interrupted, resume=True)


def test_a_broken_record_is_named(interrupted: Path, shapes: Path) -> None:
    (interrupted / "run.json").write_text("{")
    with pytest.raises(TrainingError, match=r"run\.json: cannot be read"):
        train(shapes, out=interrupted, resume=True)
