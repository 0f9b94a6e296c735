from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from decouplednet.cli.info import info
from decouplednet.errors import ModelError
from decouplednet.inference.model_folder import load_model
from tests.inference.small import write_tiny_model

app = typer.Typer()
app.command()(info)

TRAINING = {
    "seed": 3,
    "weights": "x",
    "updates": {"classifier": 5, "segmenter": 3},
    "names": ["a", "b"],
}


@pytest.mark.parametrize("inside", ["", "model"])
def test_a_model_is_described(inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    write_tiny_model(tmp_path, {"cat": 0.9, "[b]": 0.2}, others="background", **TRAINING)

    result = CliRunner().invoke(app, [str(tmp_path / inside)], catch_exceptions=False)

    weights = sum(w.numel() for w in load_model(tmp_path).network.parameters())
    lines = [" ".join(line.strip("│┃ ").split("│")) for line in result.stdout.splitlines()]
    rows = {" ".join(line.split()) for line in lines}
    assert result.exit_code == 0
    assert {
        "preset tiny",
        "classes 0 background, 1 cat, 2 [b]",
        f"parameters {weights:,}",
        "pooling of scores maximum",
        "frame 96 x 96 pixels",
        "channels BGR, mean 104 / 117 / 123, deviation 60 / 61 / 62",
        "other classes background",
        "prediction classes above 0.5, hard veto",
        "training: seed 3",
        "training: weights x",
        "training: updates classifier 5, segmenter 3",
        "training: names a, b",
    } <= rows


def test_classes_left_out_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    write_tiny_model(tmp_path, {"cat": 0.9}, others="ignore")

    result = CliRunner().invoke(app, [str(tmp_path)], catch_exceptions=False)

    assert "left out (255)" in result.stdout


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        CliRunner().invoke(app, [str(tmp_path)], catch_exceptions=False)
