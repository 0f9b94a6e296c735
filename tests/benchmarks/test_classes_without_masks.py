import json
import shutil
from pathlib import Path

import pytest

from benchmarks.classes_without_masks import Row, main, run_name, table, train_all
from decouplednet.errors import SettingsError
from decouplednet.inference.model_folder import load_model
from decouplednet.settings import Settings
from tests.shapes import NAMES
from tests.training.conftest import QUICK, copy_of, quick

SETTINGS = [word for change in QUICK for word in ("--set", change)]


def read(run: Path) -> Settings:
    return Settings.read(run / "settings.toml")


@pytest.fixture(scope="module")
def trained(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("held-out")
    assert main([str(shapes), "--out", str(out), "--quiet", *SETTINGS]) == 0
    return out


def test_each_run_learns_all_masks_but_those_of_its_class(trained: Path) -> None:
    learnt = {run.name: read(run).data.masks_classes for run in trained.glob("with*")}

    assert learnt == {
        "with-all-masks-0": ("disc", "bar", "frame"),
        "without-masks-of-disc-0": ("bar", "frame"),
        "without-masks-of-bar-0": ("disc", "frame"),
        "without-masks-of-frame-0": ("disc", "bar"),
    }
    assert {read(trained / name).seed for name in learnt} == {0}
    assert {read(trained / name).data.classes for name in learnt} == {None}
    for name, masks in learnt.items():
        said = load_model(trained / name).training.get("classes_without_masks", [])
        assert {*said, *(masks or ())} == {"disc", "bar", "frame"}
        assert len(said) == (0 if name == "with-all-masks-0" else 1)


def test_the_tags_are_learnt_once_for_all_runs(trained: Path) -> None:
    # One classification network, and a segmentation network for each of the four runs.
    assert len(list((trained / "stages").iterdir())) == 1 + 4


def test_a_row_has_the_iou_of_its_class_in_both_runs(trained: Path) -> None:
    rows = json.loads((trained / "results.json").read_text())

    assert [(row["name"], row["tags"], row["seed"]) for row in rows] == [
        (name, tags, 0)
        for name in ("disc", "bar", "frame")
        for tags in ("predicted_tags", "true_tags")
    ]
    for row in rows:
        for key, left_out in (("with_masks", None), ("without_masks", row["name"])):
            metrics = json.loads((trained / run_name(left_out, 0) / "metrics.json").read_text())
            assert row[key] == metrics[row["tags"]]["iou"][row["name"]]
        if row["with_masks"]:
            assert row["share"] == pytest.approx(row["without_masks"] / row["with_masks"])
        else:
            assert row["share"] is None
    assert (trained / "table.md").read_text().count("\n") == 2 + len(rows)


def test_runs_that_are_done_are_not_done_again(
    trained: Path, shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.glob("*/metrics.json")}

    assert main([str(shapes), "--out", str(trained), "--quiet", *SETTINGS]) == 0

    assert {path: path.stat().st_mtime_ns for path in trained.glob("*/metrics.json")} == before
    assert (trained / "table.md").read_text() in capsys.readouterr().out


def test_runs_that_are_done_with_other_settings_are_refused(
    trained: Path, shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (trained / "table.md").read_bytes()
    words = [str(shapes), "--out", str(trained), "--quiet", *SETTINGS]

    assert main([*words, "--set", "side=64", "--set", "segmenter.updates=2"]) == 1

    assert capsys.readouterr().err == (
        f"benchmarks: {trained}/with-all-masks-0: was trained with other settings (side, "
        "segmenter.updates); remove that folder to train the run anew, or give another --out\n"
    )
    assert (trained / "table.md").read_bytes() == table


def test_a_run_that_was_stopped_before_it_wrote_what_it_is_goes_on(
    trained: Path, shapes: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(trained, tmp_path / "out"))
    begun = out / "without-masks-of-bar-0"
    settings = (begun / "settings.toml").read_bytes()
    shutil.rmtree(begun)
    begun.mkdir()
    (begun / "settings.toml").write_bytes(settings)

    assert main([str(shapes), "--out", str(out), "--quiet", *SETTINGS]) == 0

    assert (begun / "metrics.json").read_bytes() == (
        trained / "without-masks-of-bar-0" / "metrics.json"
    ).read_bytes()


def test_a_change_that_names_no_setting_is_wrong_use(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(shapes), "--out", str(tmp_path), "--set", "sied=1"]) == 2

    assert capsys.readouterr().err == (
        "benchmarks: --set: a run has no setting sied; did you mean side?\n"
    )


def test_a_value_that_is_not_there_is_a_dash() -> None:
    rows = [
        Row("cat", 0, "true_tags", None, 0.5),
        Row("dog", 0, "predicted_tags", 0.0, 0.5),
        Row("dog", 1, "predicted_tags", 0.25, None),
    ]

    assert table(rows).splitlines()[2:] == [
        "| cat | true | - | - | - | - | 0 |",
        "| dog | predicted | 0.000 | 0.500 | - | - | 1 |",
    ]


def test_the_table_is_over_seeds_and_its_share_is_that_of_the_means() -> None:
    rows = [
        *(Row("cat", seed, "true_tags", 0.8, iou) for seed, iou in enumerate((0.6, 0.4, 0.8))),
        Row("cat", 0, "predicted_tags", 0.5, 0.6),
        Row("cat", 1, "predicted_tags", 0.25, 0.15),
    ]

    assert table(rows).splitlines()[2:] == [
        "| cat | true | 0.800 ± 0.000 | 0.600 ± 0.200 | 75 % | 50 % | 3 |",
        "| cat | predicted | 0.375 ± 0.177 | 0.375 ± 0.318 | 100 % | 60 % | 2 |",
    ]


def test_every_seed_has_its_runs_its_rows_and_its_classification_network(
    trained: Path, shapes: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(trained, tmp_path / "out"))
    words = ("--set", 'data.classes=["disc", "bar"]', "--seeds", "2,1")

    assert main([str(shapes), "--out", str(out), "--quiet", *SETTINGS, *words]) == 0

    runs = {path.name for path in out.glob("with*")} - {path.name for path in trained.glob("with*")}
    assert runs == {
        f"{name}-{seed}"
        for name in ("with-all-masks", "without-masks-of-disc", "without-masks-of-bar")
        for seed in (1, 2)
    }
    assert all(read(out / name).seed == int(name[-1]) for name in runs)
    assert len(list((out / "stages").iterdir())) == len(list((trained / "stages").iterdir())) + 8
    rows = json.loads((out / "results.json").read_text())
    assert [(row["name"], row["seed"]) for row in rows if row["tags"] == "true_tags"] == [
        *(("disc", 2), ("disc", 1), ("bar", 2), ("bar", 1))
    ]
    assert all(line.endswith("| 2 |") for line in (out / "table.md").read_text().splitlines()[2:])


def test_a_seed_among_the_changes_is_wrong_use(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(shapes), "--out", str(tmp_path), *SETTINGS, "--set", "seed=4"]) == 2

    said = "benchmarks: --set seed=4: every run has a seed of --seeds; give it there\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("data.masks_classes=bar",), "data.masks_classes is what this program changes"),
        (("data.classes=bar",), "one class alone has no others whose masks could be learnt"),
        (("classifier.weights=no.safetensors",), "no.safetensors"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    changes: tuple[str, ...],
    message: str,
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word for change in changes for word in ("--set", change)]

    assert main([str(shapes), "--out", str(tmp_path), "--quiet", *SETTINGS, *words]) == 1

    complaint = capsys.readouterr().err
    assert not any(tmp_path.iterdir())
    assert complaint.startswith("benchmarks: ")
    assert message in complaint
    assert complaint.count("\n") == 1


def test_runs_of_classes_that_are_named_like_paths_stay_in_the_folder(
    shapes: Path, tmp_path: Path
) -> None:
    data, name = copy_of(shapes, tmp_path / "data"), "a/../../bar"
    for file in (data / "classes.txt", data / "tags.csv"):
        file.write_text(file.read_text().replace("bar", name))
    words = ("--set", f'data.classes=["disc", "{name}"]')

    assert main([str(data), "--out", str(tmp_path / "out"), "--quiet", *SETTINGS, *words]) == 0

    assert {path.name for path in tmp_path.iterdir()} == {"data", "out"}
    assert {path.name for path in (tmp_path / "out").glob("with*")} == {
        "with-all-masks-0",
        "without-masks-of-disc-0",
        "without-masks-of-a%2F%2E%2E%2F%2E%2E%2Fbar-0",
    }


def test_classes_have_folders_of_their_own() -> None:
    names = ("a/b", "a%2Fb", "a\\b", "a.b", "a b", "a", "..")

    assert len({run_name(name, 0) for name in names}) == len(names)


def test_a_class_whose_name_is_too_long_for_a_folder_is_refused(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = copy_of(shapes, tmp_path / "data")
    for file in (data / "classes.txt", data / "tags.csv"):
        file.write_text(file.read_text().replace("bar", "b" * 300))

    assert main([str(data), "--out", str(tmp_path / "out"), "--quiet", *SETTINGS]) == 1

    assert capsys.readouterr().err == (
        f'benchmarks: class "{"b" * 40}": the name of its folder would have 319 bytes, expected at '
        "most 200; choose a shorter name\n"
    )
    assert not (tmp_path / "out").exists()


def test_runs_that_score_nothing_are_refused(shapes: Path, tmp_path: Path) -> None:
    for name, learnt in (("with-all-masks-0", NAMES), ("without-masks-of-disc-0", NAMES[1:])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text("{}")
        settings = quick("seed=0", f"data.masks_classes={','.join(learnt)}")
        (tmp_path / name / "settings.toml").write_text(settings.to_toml())
    with pytest.raises(SettingsError, match=r"metrics.json: no image was scored; name some in"):
        train_all(shapes, tmp_path, quick(), [0], progress=False, tell=print)


def test_an_interruption_is_one_line(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.classes_without_masks.finish", stop)

    assert main([str(shapes), "--out", str(tmp_path / "out"), *SETTINGS]) == 130

    assert "interrupted; the same command goes on in" in capsys.readouterr().err
