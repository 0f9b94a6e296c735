"""The command: its exit statuses, its one line for each fault, and its choice of peers."""

from pathlib import Path

import pytest

from benchmarks import peer_cells
from benchmarks.peer_packages import PackageError
from benchmarks.segmentation_models import run
from decouplednet.comparison.cell import Cell
from decouplednet.comparison.folder import ComparisonFolder
from tests.benchmarks.small_peer import OTHER, SMALL
from tests.training.conftest import quick


def there() -> None:
    """Load nothing: the peers of these tests need no package."""


@pytest.fixture
def words(shapes: Path, tmp_path: Path) -> list[str]:
    """Arguments for one cell a peer of a comparison that has begun."""
    ComparisonFolder(tmp_path).begin(quick().changed({"data.masks_split": None}), {})
    return [str(shapes), "--out", str(tmp_path), "--masks", "1", "--seeds", "0", "--quiet"]


def test_the_cells_of_all_peers_are_trained_and_then_left(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words, there, [SMALL, OTHER]) == 0
    assert len(list((tmp_path / "cells").iterdir())) == 2
    capsys.readouterr()

    assert run([*words, "--methods", "smp-other"], there, [SMALL, OTHER]) == 0
    assert capsys.readouterr().out == "smp-other, 1 mask a class, seed 0: done before\n"


def test_only_the_peers_that_are_named_are_trained(words: list[str], tmp_path: Path) -> None:
    assert run([*words, "--methods", "smp-other, smp-other"], there, [SMALL, OTHER]) == 0

    assert [path.stem for path in (tmp_path / "cells").iterdir()] == [Cell("smp-other", 1, 0).name]


def test_a_missing_package_is_one_line_and_status_1(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise PackageError("it is\nnot installed")

    assert run(words, missing, [SMALL]) == 1
    assert capsys.readouterr().err == "benchmarks: it is not installed\n"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--methods", "unet"], "there is no peer 'unet'; the peers are smp-small, smp-other"),
        (["--masks", "0"], "--masks: 0: expected different whole numbers of at least 1"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(
    option: list[str], told: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, *option], there, [SMALL, OTHER]) == 2
    assert told in capsys.readouterr().err


def test_words_in_place_of_numbers_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run([*words, "--seeds", "few"], there, [SMALL])
    assert end.value.code == 2
    assert "'few': expected whole numbers such as 5,25" in capsys.readouterr().err


def test_a_cell_that_fails_is_status_1(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--device", "cuda"], there, [SMALL]) == 1
    assert "failed: smp-small, 1 mask a class, seed 0" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(peer_cells, "train_cells", stop)
    assert run(words, there, [SMALL]) == 130
    assert "interrupted; the same command goes on" in capsys.readouterr().err


def test_all_options_reach_the_cells(
    words: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, object] = {}

    def keep(data: Path, out: Path, methods: object, **named: object) -> tuple[Cell, ...]:
        seen.update(named, data=data, out=out)
        return ()

    monkeypatch.setattr(peer_cells, "train_cells", keep)
    options = ["--masks-split-prefix", "few", "--device", "cpu"]
    assert run([*words[:-1], "--masks", "5,25", "--seeds", "3", *options], there, [SMALL]) == 0
    del seen["tell"]
    assert seen == {
        "data": Path(words[0]),
        "out": tmp_path,
        "masks": [5, 25],
        "seeds": [3],
        "prefix": "few",
        "device": "cpu",
        "progress": True,
    }
