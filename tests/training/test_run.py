"""A whole run: what it leaves behind, and where it is refused."""

import json
import tomllib
from pathlib import Path

import pytest

from decouplednet.errors import TrainingError
from decouplednet.evaluation.evaluate import evaluate
from decouplednet.inference.model_folder import load_model
from decouplednet.settings import Settings
from decouplednet.training import run as runs
from decouplednet.training.curve import read_curve
from decouplednet.training.run import train
from decouplednet.training.run_folder import versions
from tests.training.conftest import quick, same, weights_of


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
        "calibration": 0,
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


def test_the_scores_are_those_of_evaluate_whatever_the_precision_of_training(
    shapes: Path, tmp_path: Path
) -> None:
    # So many updates that bf16 would give other label maps, which the last line makes sure of.
    settings = quick(
        "compute.precision=bf16", "segmenter.updates=12", "segmenter.learning_rate=0.05"
    )

    folder = train(shapes, out=tmp_path / "run", settings=settings).folder

    written = json.loads((folder / "metrics.json").read_text())
    assert written["predicted_tags"]["miou"] == evaluate(folder, shapes, split="val").miou
    for name, tags in (("predicted_tags", False), ("true_tags", True)):
        assert written[name] == evaluate(folder, shapes, split="val", tags=tags).to_json()
    rounded = evaluate(folder, shapes, split="val", tags=True, precision="bf16").to_json()
    assert rounded["confusion"] != written["true_tags"]["confusion"]


def test_the_seed_fixes_the_result(finished: runs.Run, shapes: Path, tmp_path: Path) -> None:
    again = train(shapes, out=tmp_path / "again", settings=quick())
    assert same(weights_of(finished.folder), weights_of(again.folder))
    assert again.metrics == finished.metrics
    other = train(shapes, out=tmp_path / "other", settings=quick("seed=1"))
    assert not same(weights_of(finished.folder), weights_of(other.folder))


def test_a_folder_in_use_is_refused(finished: runs.Run, shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"a run lies there already; resume it .* or choose another folder"
    ):
        train(shapes, out=finished.folder, settings=quick())
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match=r"not an empty folder; choose another$"):
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
