"""A whole run: what it leaves behind, what it refuses, and that resuming changes nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save, save_file

from decouplednet.errors import TrainingError
from decouplednet.evaluation.evaluate import evaluate
from decouplednet.inference.model_folder import load_model
from decouplednet.networks.presets import preset_named
from decouplednet.settings import Settings
from decouplednet.training import run as runs
from decouplednet.training.curve import read_curve
from decouplednet.training.run import train
from decouplednet.training.run_folder import RunFolder, versions
from decouplednet.training.stages import Stage
from tests.training.conftest import QUICK, quick


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
    assert _same(_weights(finished.folder), _weights(again.folder))
    assert again.metrics == finished.metrics
    other = train(shapes, out=tmp_path / "other", settings=quick("seed=1"))
    assert not _same(_weights(finished.folder), _weights(other.folder))


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


def _copy(shapes: Path, place: Path) -> Path:
    return Path(shutil.copytree(shapes, place))


def test_a_data_set_that_moved_resumes_a_run(
    interrupted: Path, finished: runs.Run, shapes: Path, tmp_path: Path
) -> None:
    resumed = train(_copy(shapes, tmp_path / "moved"), out=interrupted, resume=True)
    assert _same(_weights(finished.folder), _weights(resumed.folder))


def _retag(data: Path) -> None:
    table = data / "tags.csv"
    lines = table.read_text().splitlines()
    lines[-1] = lines[-1].split(",")[0] + ",disc;bar;frame"
    table.write_text("\n".join(lines) + "\n")


def _redraw(data: Path) -> None:
    one, other = (data / "masks" / f"picture_0{number}.png" for number in (0, 3))
    one.write_bytes(other.read_bytes())


def _reshoot(data: Path) -> None:
    Image.new("RGB", (76, 60)).save(data / "images" / "picture_09.png")


@pytest.mark.parametrize(
    ("change", "named"), [(_retag, "tags"), (_redraw, "masks"), (_reshoot, "images")]
)
def test_data_changed_in_place_do_not_resume_a_run(
    change: Callable[[Path], None], named: str, interrupted: Path, shapes: Path, tmp_path: Path
) -> None:
    data = _copy(shapes, tmp_path / "data")
    change(data)
    with pytest.raises(
        TrainingError,
        match=rf"the {named} of .* are not those the run began with; put the data back as they",
    ):
        train(data, out=interrupted, resume=True)


def test_a_run_without_digests_is_resumed_as_before(interrupted: Path, shapes: Path) -> None:
    facts = json.loads((interrupted / "run.json").read_text())
    del facts["digests"]
    (interrupted / "run.json").write_text(json.dumps(facts))
    assert train(shapes, out=interrupted, resume=True).metrics


def test_one_process_trains_in_a_folder_at_a_time(interrupted: Path, shapes: Path) -> None:
    with (
        RunFolder(interrupted).locked(),
        pytest.raises(TrainingError, match="another process is training there; wait for it or"),
    ):
        train(shapes, out=interrupted, resume=True)
    with RunFolder(interrupted).locked():
        pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read: .*; put it back as it was, or start anew in another folder"),
        ("[1]", "not what a run writes: no numbers under 'seconds'; put it back"),
        ('{"data": "x"}', "not what a run writes: no numbers under 'seconds'"),
        ('{"seconds": {"classifier": "2"}}', "not what a run writes: no numbers under 'seconds'"),
        ("[" * 100_000, "cannot be read: .*; put it back"),
    ],
    ids=["cut", "list", "no seconds", "words", "deep"],
)
def test_a_damaged_record_is_named(
    content: str, message: str, interrupted: Path, shapes: Path
) -> None:
    (interrupted / "run.json").write_text(content)
    with pytest.raises(TrainingError, match=rf"run\.json: {message}"):
        train(shapes, out=interrupted, resume=True)


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(128, 256)),
        b"stage,epoch,update,loss,learning_rate,held_out_iou\nclassifier,0,one,1,1,\n",
        b"stage,epoch\nclassifier,0\n",
    ],
    ids=["bytes", "word", "columns"],
)
def test_a_damaged_curve_is_named(content: bytes, interrupted: Path, shapes: Path) -> None:
    (interrupted / "curves.csv").write_bytes(content)
    with pytest.raises(
        TrainingError, match=r"curves\.csv: not the learning curve of a run: .*; remove it, which"
    ):
        train(shapes, out=interrupted, resume=True)
    (interrupted / "curves.csv").unlink()
    assert train(shapes, out=interrupted, resume=True).metrics


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no tensors", "not a readable safetensors file: .*; remove it to train this stage anew"),
        (
            save({"head.bias": torch.zeros(2)}),
            r"of another network; .* tensors that differ; remove",
        ),
    ],
    ids=["words", "other"],
)
def test_a_damaged_result_of_stage_1_is_named_and_made_anew(
    content: bytes, message: str, interrupted: Path, finished: runs.Run, shapes: Path
) -> None:
    file = RunFolder(interrupted).classifier
    file.write_bytes(content)
    with pytest.raises(TrainingError, match=rf"classifier\.safetensors: {message}"):
        train(shapes, out=interrupted, resume=True)
    file.unlink()
    resumed = train(shapes, out=interrupted, resume=True)
    assert _same(_weights(finished.folder), _weights(resumed.folder))


@pytest.fixture
def unscored(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped after both stages."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "score", stop)
        with pytest.raises(KeyboardInterrupt):
            train(shapes, out=tmp_path / "run", settings=quick())
    return tmp_path / "run"


def test_a_damaged_result_of_stage_2_is_named_and_made_anew(
    unscored: Path, finished: runs.Run, shapes: Path
) -> None:
    file = RunFolder(unscored).segmenter
    file.write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match=r"segmenter\.safetensors: not a readable safetensors"):
        train(shapes, out=unscored, resume=True)
    file.write_bytes(save({"bridge.bias": torch.zeros(2)}))
    with pytest.raises(TrainingError, match=r"segmenter\.safetensors: of another network; "):
        train(shapes, out=unscored, resume=True)
    file.unlink()
    resumed = train(shapes, out=unscored, resume=True)
    assert _same(_weights(finished.folder), _weights(resumed.folder))


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
    assert _same(_weights(finished.folder), _weights(run.folder))
    assert (out / "run.json").exists()


def test_a_record_that_is_gone_is_named_once_the_run_trained(
    interrupted: Path, shapes: Path
) -> None:
    (interrupted / "run.json").unlink()
    with pytest.raises(TrainingError, match=r"run\.json: cannot be read: .* put it back as it was"):
        train(shapes, out=interrupted, resume=True)


LONGER = ("classifier.updates=12", "segmenter.updates=12", "classifier.dropout=0.3")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
# Runs the command line; the system kills the process in the sixth update of the stage named first.
KILLED = """
import os, signal, sys
from decouplednet.cli.app import main
from decouplednet.training.stages import Stage

stage, step = sys.argv.pop(1), Stage.training_step

def training_step(module, batch, batch_index):
    if (module.name, module.global_step) == (stage, 5):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(module, batch, batch_index)

Stage.training_step = training_step
main()
"""


def _train_process(shapes: Path, out: Path, *more: str, killed_in: str = "") -> int:
    """Return the status of a process that trains."""
    changes = [part for change in (*QUICK, *LONGER) for part in ("--set", change)]
    command = [sys.executable, "-c", KILLED, killed_in, "train", str(shapes), "--out", str(out)]
    done = subprocess.run(
        [*command, "--quiet", *changes, *more], env=os.environ | ONE_THREAD, check=False
    )
    return done.returncode


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_in_each_stage_ends_as_one_without_interruption(
    shapes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    checkpoints = out / "checkpoints"
    assert _train_process(shapes, out, killed_in="classifier") == -signal.SIGKILL
    assert (checkpoints / "classifier" / "last.ckpt").exists()
    assert not (checkpoints / "classifier.safetensors").exists()
    assert _train_process(shapes, out, "--resume", killed_in="segmenter") == -signal.SIGKILL
    assert (checkpoints / "segmenter" / "last.ckpt").exists()
    assert not (out / "model").exists()
    assert _train_process(shapes, out, "--resume") == 0
    assert _train_process(shapes, tmp_path / "whole") == 0
    assert _same(_weights(out), _weights(tmp_path / "whole"))
    assert read_curve(out / "curves.csv") == read_curve(tmp_path / "whole" / "curves.csv")
