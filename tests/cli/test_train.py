"""``decouplednet train``: the table before, the result after, and resuming."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from decouplednet.cli.app import run
from decouplednet.report import write
from decouplednet.training import run as runs
from tests.shapes import write_shapes
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


def test_brackets_in_names_are_shown_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    data = write_shapes(tmp_path / "my[" / "x] data")
    for file in (data / "classes.txt", data / "tags.csv"):
        file.write_text(file.read_text().replace("disc", "[cat]"))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train_classifier", stop)
    assert run(["train", str(data), "--out", str(tmp_path / "run"), *CHANGES]) == 130
    shown = capsys.readouterr().out
    assert "my[/x] data" in shown
    assert "3: [cat], bar, frame" in shown


def test_the_report_is_computed_where_the_run_was(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def record(folder: Path, *, device: str, progress: Callable[[Any], Any]) -> Path:
        assert list(progress([3, 1])) == [3, 1]
        seen.append(device)
        return folder / "report.html"

    monkeypatch.setattr(write, "write_report", record)
    changes = [*CHANGES, "--set", "segmenter.updates=1", "--set", "classifier.updates=1"]
    assert run(["train", str(shapes), "--out", str(tmp_path / "run"), *changes]) == 0
    assert seen == ["cpu"]


def test_rich_is_only_imported_to_show_the_table() -> None:
    told = "import sys, decouplednet.cli.train; print('rich.table' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", told], capture_output=True, check=True, text=True)
    assert shown.stdout == "False\n"


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


def test_minutes_are_a_setting_of_the_run_that_began_with_the_command(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: dict[str, Any] = {}

    def record(data: Path, **given: object) -> None:
        seen.update(given, data=data)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", record)
    begun = time.perf_counter()
    command = ["train", str(shapes), "--out", str(tmp_path / "run")]
    assert run([*command, "--minutes", "12.5"]) == 130
    assert seen["settings"].minutes == 12.5
    assert begun <= seen["started"] <= time.perf_counter()
    capsys.readouterr()
    assert run([*command, "--minutes", "0"]) == 2
    told = 'decouplednet: --set: minutes = "0.0": expected a number above 0\n'
    assert capsys.readouterr().err == told


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
    assert capsys.readouterr().err == (
        f"decouplednet: interrupted; go on with: decouplednet train {shapes} --out {out} --resume\n"
    )
    again = ["train", str(shapes), "--out", str(out), "--quiet"]
    assert run(again) == 1
    assert "a run lies there already; resume it (--resume, resume=True)" in capsys.readouterr().err
    assert run([*again, "--resume", "--set", "seed=9"]) == 1
    assert "different now: seed" in capsys.readouterr().err
    assert run([*again, "--resume", "--device", "cpu"]) == 0
    assert (out / "metrics.json").exists()


def test_there_must_be_a_run_to_resume(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "none"
    assert run(["train", str(shapes), "--out", str(out), "--resume"]) == 1
    assert capsys.readouterr().err == (
        f"decouplednet: {out}: no run lies there to resume; start a new one (without --resume, "
        "resume=False)\n"
    )


def test_an_image_that_cannot_be_scored_is_named_and_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_shapes(tmp_path / "data"), tmp_path / "run"
    broken = data / "masks" / "picture_07.png"
    Image.new("L", (3, 3)).save(broken)
    assert run(["train", str(data), "--out", str(out), "--quiet", *CHANGES]) == 1
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert told.startswith(str(broken))
    assert (out / "report.html").exists()
    assert not (out / "checkpoints").exists(), "the run itself is complete"


def test_one_image_and_no_pixel_to_score_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_shapes(tmp_path / "data", masks=7)
    (data / "splits" / "val.txt").write_text("picture_06\n")
    Image.new("L", (76, 60), color=2).save(data / "masks" / "picture_06.png")
    changes = [*CHANGES, "--set", "data.classes=disc"]
    assert run(["train", str(data), "--out", str(tmp_path / "run"), *changes]) == 0
    assert "mean IoU - over 0 classes of 1 image, predicted tags" in capsys.readouterr().out


def test_without_a_held_out_mask_the_missing_score_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_shapes(tmp_path / "data", masks=2)
    (data / "splits" / "val.txt").unlink()
    changes = [*CHANGES, "--set", "data.held_out=0"]
    place = changes.index("data.validation_split=val")
    changes = changes[: place - 1] + changes[place + 1 :]
    assert run(["train", str(data), "--out", str(tmp_path / "run"), *changes]) == 0
    assert "no score: no image with a mask was held out" in capsys.readouterr().out


# The command line, in a process that heeds Ctrl-C even where the tests run in the background.
HEEDING = """
import signal
from decouplednet.cli.app import main

signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.mark.timeout(200)
def test_ctrl_c_while_a_stage_trains_is_one_line_and_the_run_can_be_resumed(
    shapes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a run"
    words = [sys.executable, "-c", HEEDING, "train", str(shapes), "--out", str(out)]
    longer = ("classifier.updates=4000", "classifier.updates_per_epoch=50")
    changes = [*CHANGES, *(part for change in longer for part in ("--set", change))]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = [*words, "--quiet", *changes]
    with subprocess.Popen(started, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not (out / "checkpoints" / "classifier" / "last.ckpt").exists():
            assert process.poll() is None, "the run ended before it could be interrupted"
            time.sleep(0.02)
        time.sleep(0.3)  # in the middle of an epoch
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told == (
        "decouplednet: interrupted; go on with: "
        f"decouplednet train {shapes} --out '{out}' --resume\n"
    )
    facts = json.loads((out / "run.json").read_text())
    assert facts["seconds"] == {}
    recipe = out / "settings.toml"
    recipe.write_text(recipe.read_text().replace("updates = 4000", "updates = 50"))
    assert run([*words[3:], "--resume", "--quiet"]) == 0
