import json
from pathlib import Path

import pytest

from decouplednet.benchmark import run as running
from decouplednet.benchmark.report import Report
from decouplednet.benchmark.run import Wanted
from decouplednet.cli.benchmark import benchmark
from decouplednet.errors import SettingsError
from tests.benchmark.test_report import report
from tests.cli.conftest import runner

run = runner(benchmark)


@pytest.fixture(autouse=True)
def wanted(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """Record what would be measured; tests/benchmark measures really."""
    seen: list[Wanted] = []

    def instead(wanted: Wanted) -> Report:
        seen.append(wanted)
        return report()

    monkeypatch.setattr(running, "benchmark", instead)
    return seen


def test_it_prints_tables_and_writes_json(tmp_path: Path, wanted: list[Wanted]) -> None:
    out = tmp_path / "figures.json"
    numbers = ("--side", 64, "--repetitions", 2, "--classes", 7, "--images", 30, "--device", "cpu")
    printed = run("--preset", "tiny", *numbers, "--out", out).stdout

    assert wanted == [
        Wanted(
            preset="tiny", side=64, repetitions=2, classes=7, images=30, device="cpu", quiet=False
        )
    ]
    assert "original, tuned" in printed
    assert json.loads(out.read_text()) == json.loads(json.dumps(report().to_json()))


def test_quiet_prints_nothing(wanted: list[Wanted]) -> None:
    assert run("--quiet").stdout == ""
    assert wanted[0].quiet
    assert wanted[0].device == "auto"


def test_a_preset_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^there is no preset 'tinny'; did you mean tiny\?$"):
        run("--preset", "tinny")
