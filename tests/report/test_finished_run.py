import json
from pathlib import Path

import pytest

from decouplednet.errors import DataError, SettingsError
from decouplednet.report.finished_run import read_result, read_run
from decouplednet.settings import Settings
from tests.report.fake_run import NAMES, VALIDATION, FakeRun, fake_run


@pytest.fixture
def fake(tmp_path: Path) -> FakeRun:
    return fake_run(tmp_path)


def test_a_run_is_read_with_everything_it_left(fake: FakeRun) -> None:
    run = read_run(fake.run)

    assert run.path == fake.run
    assert (run.settings.preset, run.settings.seed) == ("tiny", 3)
    assert run.facts.data == fake.data
    assert run.facts.classes == NAMES
    assert run.facts.roles.validation == VALIDATION
    assert run.facts.seconds["classifier"] == 71.3
    assert [curve.stage for curve in run.result.curves] == ["classifier", "segmenter"]
    predicted, true = run.result.outcome.predicted_tags, run.result.outcome.true_tags
    assert predicted is not None
    assert true is not None
    assert predicted.images == 3
    assert tuple(predicted.iou) == ("background", *NAMES)
    assert [row.name for row in true.per_image] == list(VALIDATION)


def test_a_run_that_kept_no_image_for_scoring_has_no_scores(fake: FakeRun) -> None:
    (fake.run / "metrics.json").write_text("{}")

    assert read_result(fake.run).outcome.predicted_tags is None


def test_curves_and_scores_are_all_that_a_result_needs(fake: FakeRun) -> None:
    (fake.run / "run.json").unlink()
    (fake.run / "settings.toml").unlink()

    assert len(read_result(fake.run).curves) == 2


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("run.json", None, r"run: holds no run\.json, so it is no run; give a folder that"),
        ("metrics.json", None, r"run: holds no metrics\.json, so the run is not finished; go on"),
        ("run.json", "{", r"run\.json: the file: Invalid JSON.*; was it edited by hand\?"),
        ("run.json", '{"seed": 1}', r"run\.json: data: Field required; was it edited"),
        ("metrics.json", '{"true_tags": {"miou": "high"}}', r"true_tags\.miou: Input should be"),
        ("curves.csv", "stage\n", r"curves\.csv: has no column update"),
    ],
)
def test_a_missing_or_damaged_file_is_refused_in_one_line(
    fake: FakeRun, file: str, content: str | None, message: str
) -> None:
    path = fake.run / file
    path.unlink()
    if content is not None:
        path.write_text(content)

    with pytest.raises(DataError, match=message):
        read_run(fake.run)


def test_damaged_settings_are_refused(fake: FakeRun) -> None:
    (fake.run / "settings.toml").write_text("preset = 'huge'")

    with pytest.raises(SettingsError, match="preset"):
        read_run(fake.run)


def test_a_run_is_read_whatever_it_says_of_settings_that_were_taken_out(fake: FakeRun) -> None:
    settings = read_run(fake.run).settings
    file = fake.run / "settings.toml"
    file.write_text(file.read_text().replace("[segmenter]\n", "[segmenter]\npasted_share = 0.5\n"))

    assert read_run(fake.run).settings == settings
    with pytest.raises(SettingsError, match=r"pasted_share = 0\.5 \(only"):
        Settings.read(file)


def test_an_unreadable_file_is_refused(fake: FakeRun) -> None:
    (fake.run / "run.json").unlink()
    (fake.run / "run.json").mkdir()

    with pytest.raises(DataError, match=r"run: holds no run\.json"):
        read_run(fake.run)


def test_scores_whose_parts_do_not_fit_are_refused(fake: FakeRun) -> None:
    path = fake.run / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["predicted_tags"]["confusion"].pop()
    path.write_text(json.dumps(metrics))

    with pytest.raises(DataError, match="confusion must be 4 rows of 4, as iou has 4 names"):
        read_run(fake.run)
