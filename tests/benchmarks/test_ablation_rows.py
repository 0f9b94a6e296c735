"""The rows of an ablation, as a file has them."""

from pathlib import Path

import pytest

from benchmarks.ablation import main, read_rows
from benchmarks.ablation_table import AS_IT_IS
from decouplednet.settings import Settings
from tests.training.conftest import QUICK

ROOT = Path(__file__).parents[2]
QUICK_WORDS = [word for change in QUICK for word in ("--set", change)]


def test_the_rows_of_the_documentation_are_settings_that_there_are() -> None:
    rows = read_rows(ROOT / "benchmarks" / "ablation.toml")

    settings = [Settings.read(ROOT / "recipes" / "cpu-2h.toml", row) for row in rows.values()]
    assert len(rows) > 8
    assert settings[0] not in settings[1:]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "rows.toml: cannot be read: "),
        (f"x = {'[' * 3000}{']' * 3000}", "rows.toml: cannot be read: maximum recursion depth"),
        (
            '"the recipe" = ["side=96"]',
            'rows.toml: row "the recipe": so is the row called that changes nothing; choose',
        ),
        (
            f'"{"a" * 300}" = ["side=96"]',
            f'rows.toml: row "{"a" * 40}": the name of its folder would have 302 bytes, expected '
            "at most 200; choose a shorter name",
        ),
        ('"a" = ["nonsense=1"]', 'rows.toml: row "a": a run has no setting nonsense'),
        (
            '"a" = ["self_training.rounds=2"]',
            'rows.toml: row "a": [self_training] has no setting rounds any more: it was taken out; '
            "leave it out\n",
        ),
        ('"a" = ["side"]', 'rows.toml: row "a": side: expected section.key=value, such as seed=1'),
        ('"a" = ["side=33"]', 'rows.toml: row "a": side = 33: a side of preset tiny must be a'),
        ('"a" = ["minutes=9"]', 'rows.toml: row "a": minutes = 9: a run that takes stages from'),
        ('"row" = "a=1"', 'rows.toml: row "row": expected a list of changes such as ["prediction'),
        (
            '"a, b" = ["side=64"]\n"a b" = ["side=96"]',
            'rows.toml: rows "a, b" and "a b": name them less alike',
        ),
        (
            '"a" = ["side=96", "seed = 2"]',
            'rows.toml: row "a": seed = 2: every row is trained with each seed of --seeds; give it '
            "there\n",
        ),
        ('"row" = [1]', 'rows.toml: row "row": expected a list of changes such as ["prediction'),
    ],
)
def test_rows_that_cannot_be_read_are_refused(
    text: str, message: str, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.toml").write_text(text)
    rows = ["--rows", str(tmp_path / "rows.toml")]

    assert main([str(shapes), "--out", str(tmp_path / "runs"), *rows, *QUICK_WORDS]) == 1

    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_rows_may_open_with_the_mark_that_some_programs_write(tmp_path: Path) -> None:
    (tmp_path / "rows.toml").write_text('"a" = ["side=96"]', encoding="utf-8-sig")

    assert read_rows(tmp_path / "rows.toml") == {AS_IT_IS: (), "a": ("side=96",)}
