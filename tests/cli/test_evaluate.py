import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from decouplednet.cli.evaluate import evaluate
from decouplednet.errors import DataError, DeviceError
from decouplednet.evaluation.evaluate import evaluate as evaluate_model
from decouplednet.evaluation.scores import RULE
from tests.evaluation.shapes import write_data
from tests.inference.small import write_tiny_model

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(
        tmp_path_factory.mktemp("run"), {"cat": 0.9, "cow": 0.2, "dog": 0.7}, others="ignore"
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", tags={"c": "dog"})


def run(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


def test_the_table_states_the_rule_and_what_was_averaged(model: Path, data: Path) -> None:
    scores = evaluate_model(model, data, split="val", device="cpu")

    printed = run(model, data, "--split", "val").stdout

    for name, iou in scores.iou.items():
        (line,) = [line for line in printed.splitlines() if name in line.split() and "│" in line]
        assert ("-" if iou != iou else f"{iou:.3f}") in line
    assert (
        f"mean IoU {scores.miou:.3f} over {scores.classes_averaged} classes of 3 images" in printed
    )
    assert f"rule: {RULE}" in printed
    assert f"mean average precision of the tags {scores.tag_map:.3f}" in printed
    assert "1 images of the split have no mask and were left out" in printed
    assert "not in the data set: cow" in printed
    assert "val, predicted tags" in printed


def test_the_json_is_that_of_the_evaluation(model: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "new/scores.json"

    run(model / "model", data, "--split", "val", "--out", out)

    content = json.loads(out.read_text(encoding="utf-8"))
    assert content == evaluate_model(model, data, split="val", device="cpu").to_json()
    assert list(content)[:5] == ["miou", "iou", "classes_averaged", "images", "tag_map"]


def test_a_table_is_shown_even_if_the_json_cannot_be_written(
    model: Path, data: Path, tmp_path: Path
) -> None:
    arguments = [str(model), str(data), "--split", "val", "--out", str(tmp_path)]

    result = CliRunner().invoke(app, arguments)

    assert isinstance(result.exception, DataError)
    assert "cannot be written" in str(result.exception)
    assert "mean IoU" in result.stdout


def test_true_tags_can_be_given(model: Path, data: Path, tmp_path: Path) -> None:
    printed = run(model, data, "--split", "val", "--tags", "--out", tmp_path / "s.json").stdout

    content = json.loads((tmp_path / "s.json").read_text())
    assert content["tags"] == "true"
    assert content["per_image"][2]["identified"] == ["cat", "dog"]
    assert "val, true tags" in printed


def test_an_image_that_cannot_be_read_is_named_and_the_status_is_one(
    model: Path, data: Path, tmp_path: Path
) -> None:
    (data / "images/a.png").write_text("no picture")

    result = run(model, data, "--split", "val", "--out", tmp_path / "s.json", status=1)

    assert "a.png: not a readable image" in result.stderr
    assert result.stderr.count("\n") == 1
    assert json.loads((tmp_path / "s.json").read_text())["images"] == 2


def test_quiet_shows_no_table_when_the_scores_are_written(
    model: Path, data: Path, tmp_path: Path
) -> None:
    written = run(model, data, "--split", "val", "--quiet", "--out", tmp_path / "s.json")
    shown = run(model, data, "--split", "val", "--quiet")

    assert written.output == ""
    assert "mean IoU" in shown.stdout
    assert shown.stderr == ""


def test_the_device_is_asked_for(model: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceError, match="finds no GPU"):
        run(model, data, "--split", "val", "--device", "cuda")


def test_an_unknown_split_is_refused(model: Path, data: Path) -> None:
    with pytest.raises(DataError, match=r"there is no split 'vall'; did you mean 'val'\?"):
        run(model, data, "--split", "vall")


@pytest.mark.parametrize("arguments", [(), ("--split", "val", "--device", "tpu")])
def test_wrong_use_has_status_two(arguments: tuple[str, ...], model: Path, data: Path) -> None:
    run(model, data, *arguments, status=2)
