"""What a run is not resumed with, and which damage is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from decouplednet.errors import TrainingError
from decouplednet.inference.model_folder import FORMAT_VERSION
from decouplednet.training import former_run
from decouplednet.training import run as runs
from decouplednet.training.former_run import check_format
from decouplednet.training.run import train
from decouplednet.training.run_folder import RunFolder
from tests.training.conftest import copy_of, quick, same, weights_of


def test_other_settings_do_not_resume_a_run(interrupted: Path, shapes: Path) -> None:
    with pytest.raises(TrainingError, match=r"different now: seed, segmenter\.updates"):
        train(shapes, out=interrupted, resume=True, settings=quick("seed=4", "segmenter.updates=9"))


def test_changed_settings_are_named_with_their_section() -> None:
    before = quick("segmenter.augmentation.flip=false")
    assert runs.changed_settings(
        before, quick("side=160", "segmenter.augmentation.flip=true", "compute.workers=3")
    ) == [
        "side",
        "segmenter.augmentation.flip",
    ]
    assert runs.changed_settings(quick("side=160"), quick()) == [], "left to be chosen"


def test_other_data_do_not_resume_a_run(interrupted: Path, shapes: Path) -> None:
    facts = json.loads((interrupted / "run.json").read_text())
    facts["roles"]["masks"].pop()
    (interrupted / "run.json").write_text(json.dumps(facts))
    with pytest.raises(TrainingError, match=r"the roles of .* are not those the run began with"):
        train(shapes, out=interrupted, resume=True)


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
    data = copy_of(shapes, tmp_path / "data")
    change(data)
    with pytest.raises(
        TrainingError,
        match=rf"the {named} of .* are not those the run began with; put the data back as they",
    ):
        train(data, out=interrupted, resume=True)


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
        ('{"seconds": {"classifier": NaN}}', "not what a run writes: no numbers under 'seconds'"),
        ('{"seconds": {"classifier": true}}', "not what a run writes: no numbers under 'seconds'"),
        ('{"seconds": {}, "updates": 3}', "not what a run writes: no numbers under 'updates'"),
        ("[" * 100_000, "cannot be read: .*; put it back"),
    ],
    ids=["cut", "list", "no seconds", "words", "no number", "true", "updates", "deep"],
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
        (b"no tensors", "not a readable safetensors file: .*; remove it to start this stage anew"),
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
    assert same(weights_of(finished.folder), weights_of(resumed.folder))


def test_a_record_that_is_gone_is_named_once_the_run_trained(
    interrupted: Path, shapes: Path
) -> None:
    (interrupted / "run.json").unlink()
    with pytest.raises(TrainingError, match=r"run\.json: cannot be read: .* put it back as it was"):
        train(shapes, out=interrupted, resume=True)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        (("preset=skip",), True),
        (("preset=tiny-skip",), True),
        (("preset=tiny",), False),
    ],
)
@pytest.mark.parametrize("version", [None, 1, 2])
def test_a_run_whose_preset_was_another_network_is_not_resumed(
    changes: tuple[str, ...], refused: bool, version: int | None, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    folder.settings.write_text(quick(*changes).to_toml())
    facts = {} if version is None else {"format_version": version}
    if version == FORMAT_VERSION or not refused:
        check_format(facts, folder)
        return
    message = r"begun in format_version 1, in which preset \S*skip was another network; start anew"
    with pytest.raises(TrainingError, match=message):
        check_format(facts, folder)


def test_a_run_of_the_former_format_is_looked_at_before_it_goes_on(
    interrupted: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = json.loads((interrupted / "run.json").read_text())
    assert facts.pop("format_version") == FORMAT_VERSION
    (interrupted / "run.json").write_text(json.dumps(facts))
    monkeypatch.setattr(former_run, "means_another_network", lambda version, _: version < 2)
    with pytest.raises(TrainingError, match="preset tiny was another network"):
        train(shapes, out=interrupted, resume=True)


def test_there_must_be_a_run_to_resume(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no run lies there to resume"):
        train(shapes, out=tmp_path / "none", resume=True)


def test_a_complete_run_is_not_resumed(finished: runs.Run, shapes: Path) -> None:
    with pytest.raises(TrainingError, match="that run is complete; its model is"):
        train(shapes, out=finished.folder, resume=True)


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
    assert same(weights_of(finished.folder), weights_of(resumed.folder))
