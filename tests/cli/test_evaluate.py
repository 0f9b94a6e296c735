import json
from pathlib import Path

import pytest
import torch

from decouplednet.cli.evaluate import evaluate
from decouplednet.errors import DataError, DeviceError
from decouplednet.evaluation.evaluate import evaluate as evaluate_model
from decouplednet.evaluation.scores import RULE
from tests.cli.conftest import runner
from tests.evaluation.shapes import write_data

run = runner(evaluate)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", tags={"c": "dog"})


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
    assert "left out: 1 image of the split without a mask" in printed
    assert "not in the data set: cow" in printed
    assert "val, predicted tags" in printed


def test_the_json_is_that_of_the_evaluation(model: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "new/scores.json"

    run(model / "model", data, "--split", "val", "--out", out)

    content = json.loads(out.read_text(encoding="utf-8"))
    assert content == evaluate_model(model, data, split="val", device="cpu").to_json()
    assert list(content)[:5] == ["miou", "iou", "classes_averaged", "images", "tag_map"]


def test_it_says_where_the_scores_lie(model: Path, data: Path, tmp_path: Path) -> None:
    printed = run(model, data, "--split", "val", "--out", tmp_path / "s.json").stdout

    assert printed.endswith(f"scores: {tmp_path / 's.json'}\n")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", r"is a folder; --out names the file of the scores, such as .*scores\.json$"),
        ("file/new/s.json", r"file/new: cannot be written: Not a directory; .* another --out$"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_scored(
    place: str, message: str, model: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DataError, match=message):  # and not that there is no such split
        run(model, data, "--split", "absent", "--out", tmp_path / place)


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
