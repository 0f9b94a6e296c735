"""``decouplednet train``: the table before, the result after, and resuming."""

from pathlib import Path
from typing import Any

import pytest

from decouplednet.cli.app import run
from decouplednet.training import run as runs
from tests.training.conftest import QUICK

CHANGES = [part for change in QUICK for part in ("--set", change)]


def test_train_shows_a_table_trains_and_says_what_came_out(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(["train", str(shapes), "--out", str(out), *CHANGES]) == 0
    shown = capsys.readouterr().out
    assert "This run" in shown
    assert "6 images (strong)" in shown
    assert shown.index("This run") < shown.index("mean IoU")
    assert "classes of 2 images, predicted tags" in shown
    assert "classes of 2 images, true tags" in shown
    assert (out / "model" / "model.json").exists()
    assert (out / "report.html").exists()


def test_quiet_says_nothing(
    shapes: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", str(shapes), "--out", str(tmp_path / "run"), "--quiet", *CHANGES]) == 0
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_settings_come_from_the_recipe_and_the_changes_over_it(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('preset = "tiny"\nseed = 5\n[segmenter]\nupdates = 77\n')
    seen: dict[str, Any] = {}

    def record(data: Path, **given: object) -> None:
        seen.update(given, data=data)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", record)
    status = run(
        [
            *("train", str(shapes), "--out", str(tmp_path / "run")),
            *("--recipe", str(recipe), "--set", "segmenter.updates=8", "--device", "cpu"),
        ]
    )
    assert status == 130
    settings = seen["settings"]
    assert (settings.seed, settings.segmenter.updates) == (5, 8)
    assert settings.compute.device == "cpu"
    assert seen["data"] == shapes
    assert seen["progress"] is True


def test_resume_needs_no_settings_again(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "train_segmenter", stop)
        assert run(["train", str(shapes), "--out", str(out), "--quiet", *CHANGES]) == 130
    again = ["train", str(shapes), "--out", str(out), "--quiet"]
    assert run(again) == 1
    assert "a run lies there already; continue it with --resume" in capsys.readouterr().err
    assert run([*again, "--resume", "--set", "seed=9"]) == 1
    assert "different now: seed" in capsys.readouterr().err
    assert run([*again, "--resume", "--device", "cpu"]) == 0
    assert (out / "metrics.json").exists()
