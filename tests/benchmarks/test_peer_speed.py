"""The program that times peers: what it times, its JSON, its table and its faults."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.peer_packages import PackageError
from benchmarks.peer_speed import run
from decouplednet.benchmark import timing
from decouplednet.benchmark.timing import Timing
from decouplednet.inference import devices
from decouplednet.networks import precision
from tests.benchmarks.small_peer import small
from tests.machine import needs_bytes

WORDS = ["--preset", "tiny", "--side", "64", "--classes", "5", "--repetitions", "2"]


def there() -> None:
    """Load nothing: the peer of these tests needs no package."""


def test_every_precision_of_ours_and_of_a_peer_is_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "bf16_in", lambda: True)
    monkeypatch.setattr(devices, "int8_in", lambda: False)
    file = tmp_path / "speed.json"

    assert run([*WORDS, "--out", str(file)], there, {"smp-small": small}) == 0

    found = json.loads(file.read_text())
    assert list(found["whole"]) == [
        *("tiny, float32, K = 1", "tiny, float32, K = 3", "smp-small, float32"),
        *("tiny, bf16, K = 1", "tiny, bf16, K = 3", "smp-small, bf16"),
    ]
    assert all(len(timing["each"]) == 2 for timing in found["whole"].values())
    assert (found["side"], found["classes"]) == (64, 5)
    assert found["threads"] == torch.get_num_threads()
    printed = capsys.readouterr().out
    median = 1e3 * found["whole"]["smp-small, bf16"]["seconds"]
    line = next(row for row in printed.splitlines() if "smp-small, bf16" in row)
    assert f" {median:.0f} ± " in line


def in_seconds(monkeypatch: pytest.MonkeyPatch, seconds: dict[str, tuple[float, ...]]) -> None:
    """Let every way take the seconds that are said."""

    def timed(work: dict[str, object], repetitions: int, **_: object) -> dict[str, Timing]:
        assert list(work) == list(seconds)
        return {way: Timing(seconds[way]) for way in work}

    monkeypatch.setattr(timing, "in_turns", timed)


def test_ours_is_compared_with_a_peer_turn_by_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "bf16_in", lambda: True)
    monkeypatch.setattr(precision, "bf16_in", lambda: True)
    monkeypatch.setattr(devices, "int8_in", lambda: True)
    in_seconds(
        monkeypatch,
        {
            "tiny, float32, K = 1": (6.0, 9.0),
            "tiny, float32, K = 3": (8.0, 12.0),
            "smp-small, float32": (2.0, 3.0),
            "tiny, bf16, K = 1": (1.0, 3.0),
            "tiny, bf16, K = 3": (4.0, 4.0),
            "smp-small, bf16": (1.0, 1.0),
            "tiny, int8, K = 1": (0.5, 0.5),
            "tiny, int8, K = 3": (1.5, 1.5),
        },
    )
    file = tmp_path / "speed.json"

    assert run([*WORDS, "--out", str(file)], there, {"smp-small": small}) == 0

    found = json.loads(file.read_text())
    assert found["format_version"] == 2
    assert found["ours_over_peer"] == {
        "smp-small, float32": {
            "tiny, float32, K = 1": {"ratio": 3.0, "spread": 0.0},
            "tiny, float32, K = 3": {"ratio": 4.0, "spread": 0.0},
        },
        "smp-small, bf16": {
            "tiny, bf16, K = 1": {"ratio": 2.0, "spread": 1.0},
            "tiny, bf16, K = 3": {"ratio": 4.0, "spread": 0.0},
            "tiny, int8, K = 1": {"ratio": 0.5, "spread": 0.0},
            "tiny, int8, K = 3": {"ratio": 1.5, "spread": 0.0},
        },
    }
    printed = capsys.readouterr().out
    row = ("tiny, bf16, K = 1", "smp-small, bf16", "2.00 ± 50 %")
    assert any(all(part in line for part in row) for line in printed.splitlines())


@needs_bytes
def test_8_bits_are_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "bf16_in", lambda: False)
    monkeypatch.setattr(precision, "bf16_in", lambda: False)
    file = tmp_path / "speed.json"

    words = [*WORDS, "--quiet", "--out", str(file)]
    assert run(words, there, {"smp-small": small}) == 0

    assert list(json.loads(file.read_text())["whole"]) == [
        *("tiny, float32, K = 1", "tiny, float32, K = 3", "smp-small, float32"),
        *("tiny, int8, K = 1", "tiny, int8, K = 3"),
    ]


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*WORDS, "--quiet"], there, {"smp-small": small}) == 0

    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_missing_package_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def missing() -> None:
        raise PackageError("segmentation_models_pytorch is not installed here; make one")

    assert run(WORDS, missing) == 1
    assert capsys.readouterr().err == (
        "benchmarks: segmentation_models_pytorch is not installed here; make one\n"
    )


def test_a_side_that_the_preset_cannot_take_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--side", "65", "--preset", "tiny"], there, {"smp-small": small}) == 1
    assert capsys.readouterr().err.startswith("benchmarks: preset tiny: height 65 must be a")
