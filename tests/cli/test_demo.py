"""``decouplednet demo``: where it writes and what it says."""

from pathlib import Path
from typing import Any

import pytest

from decouplednet.cli.app import run
from decouplednet.demo import run as demos
from decouplednet.demo.run import Demo

SCORES: dict[str, Any] = {
    "miou": 0.6254,
    "miou_masks_only": 0.1871,
    "tagged_images": 6000,
    "masked_images": 26,
    "test_images": 250,
    "seconds_after_install": 151.4,
}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the library is asked for; the working folder is empty."""
    seen: dict[str, Any] = {}

    def record(out: Path, **given: object) -> Demo:
        seen.update(given, out=out)
        return Demo(out / "run" / "report.html", out / "demo.json", SCORES)

    monkeypatch.setattr(demos, "run_demo", record)
    monkeypatch.chdir(tmp_path)
    return seen


def test_demo_says_where_the_report_is_and_both_scores(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--out", "here", "--seed", "4", "--device", "cpu"]) == 0
    assert capsys.readouterr().out == (
        f"report: {Path('here/run/report.html')}\n"
        "mean IoU 0.625 with the tags of 6000 images and 26 masks; 0.187 with the masked images "
        "only (over 250 other images)\n"
        f"151 seconds; all numbers: {Path('here/demo.json')}\n"
    )
    assert asked["out"] == Path("here")
    assert asked["seed"] == 4
    assert asked["device"] == "cpu"
    assert asked["progress"] is True
    assert isinstance(asked["started"], float)


def test_quiet_shows_no_bars(asked: dict[str, Any]) -> None:
    assert run(["demo", "--quiet"]) == 0
    assert asked["progress"] is False
    assert asked["seed"] == 0
    assert asked["device"] == "auto"


def test_without_out_the_first_free_folder_is_taken(asked: dict[str, Any], tmp_path: Path) -> None:
    assert run(["demo"]) == 0
    assert asked["out"] == Path("runs/demo")
    for taken, expected in (("runs/demo", "runs/demo-2"), ("runs/demo-2", "runs/demo-3")):
        (tmp_path / taken).mkdir(parents=True)
        assert run(["demo"]) == 0
        assert asked["out"] == Path(expected)


def test_a_negative_seed_is_wrong_use(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--seed", "-1"]) == 2
    assert "Invalid value for '--seed'" in capsys.readouterr().err


def test_a_folder_in_use_is_one_line_and_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["demo", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error == f"decouplednet: {tmp_path}: not an empty folder; choose another --out\n"
