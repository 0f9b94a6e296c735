"""What is seen of a stage while it trains."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from decouplednet.training.plan import make_plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.segmenter import train_segmenter
from decouplednet.training.start import start_network
from tests.training.conftest import quick

Captured = pytest.CaptureFixture[str]


def _train(shapes: Path, out: Path, *changes: str, progress: bool = True) -> None:
    plan = make_plan(shapes, quick(*changes), progress=progress)
    network = start_network(plan)
    network.classifier.eval().requires_grad_(False)
    train_segmenter(network, plan, RunFolder(out))


def test_elsewhere_than_on_a_terminal_every_checkpoint_is_a_line(
    shapes: Path, tmp_path: Path, capsys: Captured
) -> None:
    _train(shapes, tmp_path)
    shown = capsys.readouterr()
    assert shown.out == ""
    first, last = shown.err.splitlines()
    form = r"stage 2, masks: update {} of 3, loss [\d.]+, {} left"
    assert re.fullmatch(form.format(2, r"\d+ s"), first)
    assert re.fullmatch(form.format(3, "0 s"), last)


def test_a_terminal_gets_one_bar_for_all_epochs_of_a_stage(
    shapes: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    _train(shapes, tmp_path)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "stage 2, masks" in shown.err
    assert "3/3" in shown.err
    assert "/2" not in shown.err, "a bar of an epoch"
    assert re.search(r"loss .*\d\.\d", shown.err)
    assert shown.err.count("\n") == 1


def test_a_resumed_stage_goes_on_at_the_updates_it_has_made(
    shapes: Path, tmp_path: Path, capsys: Captured
) -> None:
    _train(shapes, tmp_path, "segmenter.updates=2", progress=False)
    assert capsys.readouterr().err == ""
    RunFolder(tmp_path).segmenter.unlink()
    _train(shapes, tmp_path, "segmenter.updates=4")
    assert [line.split(",")[1] for line in capsys.readouterr().err.splitlines()] == [
        " masks: update 4 of 4"
    ]
