import json
from pathlib import Path

import pytest

from benchmarks.classes_without_masks import Row, main, run_name, table, train_all
from decouplednet.errors import SettingsError
from decouplednet.settings import Settings
from tests.training.conftest import QUICK, quick

SETTINGS = [word for change in QUICK for word in ("--set", change)]


def read(run: Path) -> Settings:
    return Settings.read(run / "settings.toml")


@pytest.fixture(scope="module")
def trained(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("held-out")
    assert main([str(shapes), "--out", str(out), "--quiet", *SETTINGS]) == 0
    return out


def test_each_run_learns_all_masks_but_those_of_its_class(trained: Path) -> None:
    learnt = {run.name: read(run).data.masks_classes for run in trained.iterdir() if run.is_dir()}

    assert learnt == {
        "with-all-masks": ("disc", "bar", "frame"),
        "without-masks-of-disc": ("bar", "frame"),
        "without-masks-of-bar": ("disc", "frame"),
        "without-masks-of-frame": ("disc", "bar"),
    }
    assert {read(trained / name).data.classes for name in learnt} == {None}


def test_a_row_has_the_iou_of_its_class_in_both_runs(trained: Path) -> None:
    rows = json.loads((trained / "results.json").read_text())

    assert [(row["name"], row["tags"]) for row in rows] == [
        (name, tags)
        for name in ("disc", "bar", "frame")
        for tags in ("predicted_tags", "true_tags")
    ]
    for row in rows:
        for key, left_out in (("with_masks", None), ("without_masks", row["name"])):
            metrics = json.loads((trained / run_name(left_out) / "metrics.json").read_text())
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


def test_a_value_that_is_not_there_is_a_dash() -> None:
    rows = [Row("cat", "true_tags", None, 0.5), Row("dog", "predicted_tags", 0.5, None)]

    assert table(rows).splitlines()[2:] == [
        "| cat | true | - | 0.500 | - |",
        "| dog | predicted | 0.500 | - | - |",
    ]


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
    assert complaint.startswith("benchmarks: ")
    assert message in complaint
    assert complaint.count("\n") == 1


def test_runs_that_score_nothing_are_refused(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "with-all-masks").mkdir()
    (tmp_path / "with-all-masks" / "metrics.json").write_text("{}")
    (tmp_path / "without-masks-of-disc").mkdir()
    (tmp_path / "without-masks-of-disc" / "metrics.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"metrics.json: no image was scored; name some in"):
        train_all(shapes, tmp_path, quick(), progress=False, tell=print)


def test_an_interruption_is_one_line(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.classes_without_masks.train", stop)

    assert main([str(shapes), "--out", str(tmp_path / "out"), *SETTINGS]) == 130

    assert "interrupted; the same command goes on in" in capsys.readouterr().err
