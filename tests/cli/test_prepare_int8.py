from collections.abc import Callable
from pathlib import Path

import pytest

from decouplednet.cli.prepare_int8 import prepare_int8
from decouplednet.inference import activation_ranges
from tests.cli.conftest import runner

run = runner(prepare_int8)


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path, int]]:
    """Record what would be measured; tests/inference measures really."""
    made: list[tuple[Path, Path, int]] = []

    def instead(
        model: Path, images: Path, *, count: int, device: str, progress: Callable[..., object]
    ) -> dict[str, float]:
        made.append((model, images, count))
        assert device == "cpu" or count == 32
        assert progress is not None
        return {"a": 1.0, "b": 2.0}

    monkeypatch.setattr(activation_ranges, "prepare_int8", instead)
    return made


def test_it_says_how_many_ranges_are_known(calls: list[tuple[Path, Path, int]]) -> None:
    printed = run("run", "photographs", "--images", "7", "--device", "cpu").stdout

    assert calls == [(Path("run"), Path("photographs"), 7)]
    assert printed == "run: the ranges of activations are known at 2 places now\n"


def test_quiet_says_nothing(calls: list[tuple[Path, Path, int]]) -> None:
    assert run("run", "photographs", "--quiet").stdout == ""
    assert calls[0][2] == 32


def test_no_images_are_wrong_use() -> None:
    assert "--images" in run("run", "photographs", "--images", "0", status=2).output
