"""``decouplednet compare``: what it shows before and after, and how it ends."""

from pathlib import Path
from typing import Any

import pytest

from decouplednet.cli.app import run
from decouplednet.comparison import compare as comparisons
from decouplednet.comparison import methods
from tests.comparison.fakes import Untrained

CHANGES = [part for change in ("preset=tiny", "compute.precision=32") for part in ("--set", change)]


@pytest.fixture
def call(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of a small comparison; a test adds to them."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(methods, "METHODS", (Untrained("a"), Untrained("b", fails_at=(1,))))
    words = ["compare", str(shapes), "--out", str(tmp_path / "out"), "--masks", "1"]
    return [*words, "--validation-split", "val", "--device", "cpu", *CHANGES]


def test_compare_shows_what_it_will_do_then_each_cell_then_the_table(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*call, "--seeds", "0"]) == 0
    shown = capsys.readouterr().out
    out = tmp_path / "out"
    parts = (
        "This comparison",
        "10 minutes of training",
        "2: 0 done, 2 to do",
        "cell 1 of 2: a, 1 mask a class, seed 0",
        "after 0.0 minutes of training",
        "| 1 | a, not trained |",
        "the tags of an image name",
        f"table: {out}/table.md",
        f"pictures: {out}/scores.png, {out}/convergence.png",
    )
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)
    assert (out / "table.csv").exists()


def test_a_cell_that_failed_is_named_and_ends_with_status_1(
    call: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*call, "--seeds", "0,1", "--quiet"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "b, 1 mask a class, seed 1: the loss became nan\n"


def test_a_file_that_is_no_cell_is_named_and_ends_with_status_1(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = tmp_path / "out" / "cells"
    cells.mkdir(parents=True)
    (cells / "x.json").write_text("{}")
    assert run([*call, "--seeds", "0", "--quiet"]) == 1
    assert f"{cells}/x.json: method: Field required" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--methods", "aa"], "--methods: there is no method 'aa'; did you mean a?"),
        (["--masks", "1,many"], "--masks 1,many: expected whole numbers joined by commas"),
        (["--seeds", ""], "--seeds: nothing: expected different whole numbers of at least 0"),
        (["--methods", ""], "{out}: holds no cell yet; name the --methods to train"),
        (["--set", "sied=1"], "--set: a run has no setting sied; did you mean side?"),
    ],
)
def test_wrong_use_is_one_line(
    words: list[str],
    line: str,
    call: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*call, *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"decouplednet: {line.format(out=tmp_path / 'out')}")
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_options_reach_the_comparison(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("side = 160\n[segmenter]\nupdates = 77\n")
    seen: dict[str, Any] = {}

    def record(data: Path, **given: object) -> None:
        seen.update(given, data=data)
        raise KeyboardInterrupt

    monkeypatch.setattr(comparisons, "compare", record)
    words = ["--recipe", str(recipe), "--methods", "b, a", "--seeds", "4,2", "--keep-models"]
    words += ["--minutes", "2.5"]
    assert run([*call, *words, "--masks-split-prefix", "few-"]) == 130
    settings = seen["settings"]
    assert (settings.side, settings.segmenter.updates, settings.preset) == (160, 77, "tiny")
    assert (settings.data.validation_split, settings.compute.device) == ("val", "cpu")
    assert settings.minutes == 2.5
    assert (seen["methods"], seen["masks"], seen["seeds"]) == (["b", "a"], [1], [4, 2])
    assert (seen["keep_models"], seen["masks_split_prefix"]) == (True, "few-")
    assert seen["progress"] is True


def test_changes_are_laid_over_the_settings_that_the_comparison_began_with(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = call[: call.index("--validation-split")]
    again = [*bare, "--seeds", "0", "--quiet", "--device", "cpu"]
    assert run([*call, "--seeds", "0", "--quiet"]) == 0
    assert run(again) == 0
    assert run([*again, "--set", "side=64"]) == 1
    assert "different now: side; compare in another folder" in capsys.readouterr().err


def test_tables_are_written_anew_with_default_options_where_fewer_masks_were_learnt(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*call, "--seeds", "0", "--quiet"]) == 0
    out = tmp_path / "out"
    (out / "table.md").unlink()
    capsys.readouterr()
    # The data set has no 5 masks of a class, which is what --masks says by default.
    assert run([*call[:4], "--methods", ""]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "| 1 | a, not trained |" in shown.out
    assert (out / "table.md").exists()
    assert [path.name for path in (out / "splits").iterdir()] == ["drawn_1.txt"]


def test_what_is_done_is_shown_whatever_it_followed_that_was_taken_out_since(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = tmp_path / "recipe.toml", tmp_path / "out"
    assert run([*call, "--methods", "a", "--seeds", "0", "--quiet"]) == 0
    recipe.write_text("[segmenter]\npasted_share = 0.5\n")
    with (out / "settings.toml").open("a") as settings:
        settings.write("\n" + recipe.read_text())
    before = (out / "table.md").read_text()
    bare, capped = call[: call.index("--validation-split")], ["--recipe", str(recipe)]
    done, nothing = ["--methods", "a", "--seeds", "0"], ["--methods", ""]
    capsys.readouterr()

    for words in ([*bare, *nothing], [*bare, *done], [*call, *capped, *nothing]):
        (out / "table.md").unlink()
        assert run([*words, "--quiet"]) == 0
        assert (out / "table.md").read_text() == before
    for words, file in (
        ([*bare, "--methods", "a", "--seeds", "0,1"], out / "settings.toml"),
        ([*call, *capped, *done], recipe),
    ):
        assert run([*words, "--quiet"]) == 1
        assert capsys.readouterr().err == (
            f"decouplednet: {file}: settings that were taken out: [segmenter] pasted_share = 0.5 "
            "(only 0.0 can still be followed); finish what began so with the version that began "
            "it, or begin anew without, which gives another result\n"
        )
    assert [path.name for path in (out / "cells").iterdir()] == ["a-masks1-seed0.json"]


def test_ctrl_c_is_one_line_that_says_how_to_go_on(
    call: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Untrained, "train", stop)
    assert run([*call, "--quiet"]) == 130
    assert capsys.readouterr().err == (
        "decouplednet: interrupted; the same command goes on; what is done lies in "
        f"{tmp_path / 'out'}\n"
    )
