from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import ablation, classes_without_masks


@pytest.mark.parametrize(
    ("recipe", "words", "seeds"),
    [
        (None, (), [0]),
        ("side = 96\n", (), [0]),
        ("seed = 4\n", (), [4]),
        ("seed = 4\n", ("--seeds", "2,0"), [2, 0]),
    ],
)
@pytest.mark.parametrize(
    ("main", "train"),
    [
        (ablation.main, "benchmarks.ablation.measure"),
        (classes_without_masks.main, "benchmarks.classes_without_masks.train_all"),
    ],
)
def test_without_any_given_the_seed_is_the_recipes(
    main: Callable[[list[str]], int],
    train: str,
    recipe: str | None,
    words: tuple[str, ...],
    seeds: list[int],
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained: list[object] = []

    def keep(data: Path, out: Path, settings: object, its: object, **_: object) -> tuple[()]:
        trained.append(its)
        return ()

    monkeypatch.setattr(train, keep)
    monkeypatch.setattr(ablation, "check", lambda *_: None)
    given = [str(shapes), "--out", str(tmp_path / "out"), *words]
    if recipe is not None:
        (tmp_path / "recipe.toml").write_text(recipe)
        given += ["--recipe", str(tmp_path / "recipe.toml")]

    assert main(given) == 0

    assert trained == [seeds]


def test_the_help_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    for main in (ablation.main, classes_without_masks.main):
        with pytest.raises(SystemExit):
            main(["--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert "--seeds N,N default: that of the recipe, 0 where it names none" in said
