import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import decouplednet
from benchmarks.ablation import folder_of, main
from benchmarks.ablation_table import AS_IT_IS, Cell, table
from benchmarks.shared_stages import stage_keys
from decouplednet.networks.vgg import VGG
from decouplednet.settings import Settings
from decouplednet.training import run
from decouplednet.training.plan import make_plan
from decouplednet.training.run_folder import RunFolder
from tests.training.conftest import QUICK, copy_of, quick, start_boldly

STUDENT = (
    "self_training.enabled=true",
    "self_training.updates=2",
    "self_training.images_per_update=4",
    "self_training.right=0",
)
SETTINGS = [word for change in (*QUICK, *STUDENT) for word in ("--set", change)]
ROWS = """
"hard veto" = ["prediction.threshold=0.45"]
"other windows" = ["segmenter.window_share=0.1"]
"""


@pytest.fixture(scope="module")
def arguments(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    out = tmp_path_factory.mktemp("ablation")
    (out / "rows.toml").write_text(ROWS)
    rows = ["--rows", str(out / "rows.toml")]
    return [str(shapes), "--out", str(out / "runs"), *rows, "--quiet", *SETTINGS]


@pytest.fixture(scope="module", autouse=True)
def bold() -> Iterator[None]:
    """Start from networks that find something, so that there is something to label in stage 3."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "start_network", start_boldly)
        yield


@pytest.fixture(scope="module")
def measured(arguments: list[str]) -> Path:
    assert main(arguments) == 0
    return Path(arguments[2])


def test_a_row_is_the_recipe_with_its_changes(measured: Path) -> None:
    def read(name: str) -> Settings:
        return Settings.read(measured / name / "settings.toml")

    recipe = read("the-recipe-0")
    assert read("hard-veto-0") == recipe.changed({"prediction.threshold": 0.45})
    assert read("other-windows-0") == recipe.changed({"segmenter.window_share": 0.1})


def test_the_scores_are_those_of_the_runs(measured: Path) -> None:
    cells = json.loads((measured / "results.json").read_text())

    assert [cell["row"] for cell in cells] == [AS_IT_IS, "hard veto", "other windows"]
    for cell in cells:
        metrics = json.loads(RunFolder(measured / folder_of(cell["row"], 0)).metrics.read_text())
        for kind in ("predicted_tags", "true_tags"):
            assert cell[kind] == metrics[kind]["miou"]
        assert cell["tag_map"] == metrics["predicted_tags"]["tag_map"]
    assert (measured / "table.md").read_text() == table([Cell(**cell) for cell in cells])
    assert (measured / "gains.png").read_bytes().startswith(b"\x89PNG")


def test_stages_that_rows_have_in_common_are_learnt_once(measured: Path) -> None:
    def seconds(name: str) -> dict[str, float]:
        return dict(RunFolder(measured / name).read_facts()["seconds"])

    # Other windows: stages 2 and 3 anew. Another veto: nothing anew.
    assert len(list((measured / "stages").glob("*.safetensors"))) == 3 + 2
    assert len(list((measured / "stages").glob("*.belief.json"))) == 1 + 1
    assert seconds("hard-veto-0")["classifier"] == seconds("other-windows-0")["classifier"] == 0
    assert seconds("other-windows-0")["segmenter"] > 0
    assert seconds("hard-veto-0")["student"] == 0


def test_a_run_that_took_its_stages_equals_one_that_learnt_them(
    measured: Path, arguments: list[str], tmp_path: Path
) -> None:
    alone = [*arguments, "--set", "prediction.threshold=0.45"]
    alone[2] = str(tmp_path)
    alone = [word for word in alone if word not in ("--rows", arguments[4])]

    assert main(alone) == 0

    model = "model/model.safetensors"
    assert (tmp_path / "the-recipe-0" / model).read_bytes() == (
        measured / "hard-veto-0" / model
    ).read_bytes()


def test_runs_that_are_done_are_not_done_again(
    measured: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in measured.glob("*/metrics.json")}

    assert main(arguments) == 0

    assert {path: path.stat().st_mtime_ns for path in measured.glob("*/metrics.json")} == before
    assert (measured / "table.md").read_text() in capsys.readouterr().out


def test_a_run_by_the_clock_is_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timed = [*arguments, "--set", "minutes=9"]
    timed[2] = str(tmp_path)

    assert main(timed) == 1

    said = capsys.readouterr().err
    assert "minutes = 9: a run that takes stages from another one would have longer" in said
    assert not any(tmp_path.iterdir())


def test_a_run_of_other_settings_is_not_taken_for_this_one(
    measured: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--set", "segmenter.updates=4"]) == 1

    said = capsys.readouterr().err
    assert "the-recipe-0: was trained with other settings (segmenter.updates); remove" in said


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ("prediction.flip=true", {"classifier", "segmenter", "student"}),
        ("self_training.updates=3", {"classifier", "segmenter"}),
        ("self_training.held_out=0.5", {"classifier"}),
        ("self_training.right=0.5", {"classifier"}),
        ("self_training.undenied=0.5", {"classifier"}),
        ("segmenter.updates=4", {"classifier"}),
        ("data.masks_classes=bar", {"classifier"}),
        ("classifier.updates=3", set[str]()),
        ("seed=1", set[str]()),
    ],
)
def test_a_stage_is_shared_by_what_it_depends_on(change: str, same: set[str], shapes: Path) -> None:
    before = stage_keys(make_plan(shapes, quick(*STUDENT)))
    after = stage_keys(make_plan(shapes, quick(*STUDENT, change)))

    assert {stage for stage in before if before[stage] == after[stage]} == same


def test_other_weights_images_or_code_make_other_stages(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, weights = copy_of(shapes, tmp_path / "data"), tmp_path / "start.safetensors"

    def keys(seed: int) -> dict[str, str]:
        torch.manual_seed(seed)
        save_file(VGG().state_dict(), weights, {"input": "BGR, 0-255, minus (1, 2, 3), no scaling"})
        changes = ("preset=light", "side=96", f"classifier.weights={weights}")
        return stage_keys(make_plan(data, quick(*STUDENT, *changes)))

    def differ(one: dict[str, str], other: dict[str, str]) -> bool:
        return all(one[stage] != other[stage] for stage in one)

    before = keys(seed=0)
    assert keys(seed=0) == before
    assert differ(keys(seed=1), before)
    image = next(record.image for record in make_plan(data, quick()).roles.tags)
    content = image.read_bytes()
    image.write_bytes(content + b" ")
    assert differ(keys(seed=0), before)
    image.write_bytes(content)
    (tmp_path / "changed.py").write_text("")
    monkeypatch.setattr(decouplednet, "__file__", str(tmp_path / "changed.py"))
    assert differ(keys(seed=0), before)


def test_without_a_stage_3_two_stages_are_shared(shapes: Path) -> None:
    assert set(stage_keys(make_plan(shapes, quick()))) == {"classifier", "segmenter"}


@pytest.mark.parametrize("content", ['{"predicted_tags"', '{"predicted_tags": {}}', "[1]"])
def test_damaged_scores_of_a_run_that_is_done_are_named(
    content: str,
    measured: Path,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = Path(shutil.copytree(measured, tmp_path / "runs"))
    run = out / "the-recipe-0"
    (run / "metrics.json").write_text(content)

    assert main([arguments[0], "--out", str(out), *arguments[3:]]) == 1

    assert capsys.readouterr().err == (
        f"benchmarks: {run}/metrics.json: not the scores that a run writes; put it back as it was, "
        f"or remove {run} to train the run anew\n"
    )


def test_a_damaged_stage_is_named_where_it_is_kept_and_learnt_anew(
    measured: Path, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(measured, tmp_path / "runs"))
    shutil.rmtree(out / "the-recipe-0")
    damaged = (
        out
        / "stages"
        / f"{stage_keys(make_plan(Path(arguments[0]), quick(*STUDENT)))['classifier']}.safetensors"
    )
    content = damaged.read_bytes()
    damaged.write_bytes(content[:99])
    words = [arguments[0], "--out", str(out), *arguments[3:]]

    assert main(words) == 1

    said = capsys.readouterr().err
    assert f"{damaged}: not a readable safetensors file: " in said
    assert said.endswith("; remove it, and the stage is learnt anew\n")
    damaged.unlink()
    assert main(words) == 0
    assert damaged.read_bytes() == content


def test_a_file_in_the_place_of_the_stages_is_refused_before_the_training(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stages").touch()

    assert main([arguments[0], "--out", str(tmp_path), *arguments[3:]]) == 1

    assert capsys.readouterr().err == (
        f"benchmarks: {tmp_path}/stages: is a file, and a folder of stages belongs there; move it "
        "away\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["stages"]


def test_a_comparison_without_scored_images_is_refused(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unscored = [*SETTINGS, "--set", "data.held_out=0"]
    place = unscored.index("data.validation_split=val")
    unscored[place - 1 : place + 1] = []

    assert main([str(shapes), "--out", str(tmp_path), "--quiet", *unscored]) == 1

    said = capsys.readouterr().err
    assert said == "benchmarks: no image is kept for scoring; name some in data.validation_split\n"
    assert not any(tmp_path.iterdir())


def test_a_run_that_scored_nothing_is_refused(
    measured: Path, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(measured, tmp_path / "runs"))
    (out / "hard-veto-0" / "metrics.json").write_text("{}")

    assert main([arguments[0], "--out", str(out), *arguments[3:]]) == 1

    assert "hard-veto-0: no image was scored; name some in data." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seeds", "a"), "--seeds: 'a' is no list of numbers such as 0,1,2"),
        (("--seeds", "0,0"), "--seeds: 0, 0: expected different whole numbers of at least 0"),
        (("--seeds", "-1"), "--seeds: -1: expected different whole numbers of at least 0"),
        (("--set", "seed=1"), "--set seed=1: every run has a seed of --seeds; give it there"),
        (("--set", "seeed=1"), "seeed"),
    ],
)
def test_wrong_use_is_said_in_one_line(
    words: tuple[str, ...],
    message: str,
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([str(shapes), "--out", str(tmp_path / "runs"), "--quiet", *words]) == 2

    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
