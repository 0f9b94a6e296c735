import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.audit import KINDS, OWN, PIXELS, RANKINGS, TOPS, by_pixels, count_found, main, table
from benchmarks.audit import Row as Share
from benchmarks.wrong_tags import Fault
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.audit.evidence import Evidence
from decouplednet.audit.features import FeatureTable
from tests.training.conftest import QUICK

SETTINGS = [word for change in QUICK for word in ("--set", change)]


def evidence(tags: Sequence[Sequence[bool]]) -> Evidence:
    given = np.array(tags)
    return Evidence(
        classes=("cat", "dog"),
        records=tuple(Record(str(n), Path(f"{n}.jpg"), None, None) for n in range(len(given))),
        tags=given,
        drawn=np.full(given.shape, -1, np.int8),
        learnt=np.ones(len(given), bool),
        probability=np.full(given.shape, 0.5),
        features=FeatureTable(),
    )


@pytest.fixture(scope="module")
def measured(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("audit")
    words = [str(shapes), "--out", str(out), "--quiet", "--share", "0.5", "--seeds", "0,1"]
    assert main([*words, *SETTINGS]) == 0
    return out


def test_every_ranking_is_counted_for_every_seed_kind_and_length(measured: Path) -> None:
    rows = json.loads((measured / "results.json").read_text())

    titles = [OWN, *(each.title for each in RANKINGS), PIXELS]
    assert {row["ranking"] for row in rows} == set(titles)
    assert len(rows) == 2 * len(titles) * len(TOPS) * len(KINDS)
    assert {row["seed"] for row in rows} == {0, 1}
    assert all(0 <= row["found"] <= row["faults"] for row in rows)
    assert (measured / "table.md").read_text().count("\n") == 2 + len(titles) * len(TOPS)


def test_a_model_learns_from_the_faults_of_images_whose_masks_it_is_not_given(
    measured: Path, shapes: Path
) -> None:
    before, copy = Catalogue.read(shapes), Catalogue.read(measured / "seed-1" / "data")
    roles = json.loads((measured / "seed-1" / "run" / "run.json").read_text())["roles"]

    changed = {r.name for r in copy.records if r.tags != before.record(r.name).tags}
    assert len(changed) == 2  # half of the four images without a mask
    assert changed <= set(roles["tags"])
    assert not changed & set(roles["masks"])
    assert {record.name for record in copy.records if record.mask} == {
        *roles["masks"],
        *roles["validation"],
    }


def test_runs_that_are_done_are_not_done_again(measured: Path, shapes: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in measured.glob("*/run/metrics.json")}
    results = (measured / "results.json").read_text()
    words = [str(shapes), "--out", str(measured), "--quiet", "--share", "0.5", "--seeds", "0,1"]

    assert main([*words, *SETTINGS]) == 0

    assert len(before) == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (measured / "results.json").read_text() == results


def test_a_fault_is_found_where_a_row_names_its_image_and_class() -> None:
    suspicion = np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.0], [0.6, 0.0]])
    faults = [
        Fault("0", "removed", "dog", None),
        Fault("1", "added", None, "dog"),  # cat of the image is listed, and not dog
        Fault("2", "swapped", "cat", "dog"),
        Fault("3", "removed", "cat", None),
    ]

    rows = count_found("one", suspicion, evidence([[False, True]] * 4), faults, top=0.75, seed=5)

    assert [(row.kind, row.faults, row.found) for row in rows] == [
        ("all", 4, 2),
        ("removed", 2, 1),
        ("added", 1, 0),
        ("swapped", 1, 1),
    ]
    assert {(row.ranking, row.seed, row.top) for row in rows} == {("one", 5, 0.75)}


def test_pixels_move_listed_tags_towards_what_they_say() -> None:
    suspicion = np.full((4, 2), 0.5)
    area = {(0, 0): 0.3, (1, 0): 0.0, (2, 0): 0.1, (3, 1): 0.4}

    moved = by_pixels(suspicion, evidence([[False, True]] * 4), area)

    assert moved[0, 0] > moved[2, 0] == 0.5 > moved[1, 0]
    assert moved[3, 1] == 0.5  # alone in its group
    tagged = by_pixels(suspicion, evidence([[True, True]] * 4), area)
    assert tagged[0, 0] < 0.5 < tagged[1, 0]
    assert (suspicion == 0.5).all()


def test_a_share_of_no_faults_is_a_dash() -> None:
    rows = [Share("one", 0, 0.1, "all", 3, 1), Share("one", 0, 0.1, "added", 0, 0)]

    assert table(rows).splitlines()[2] == "| one | 10 % of the images | 0.333 | - | - | - | 1 |"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--share", "1.5"), 2, "--share: 1.5: expected a share between 0 and 1"),
        (("--set", "sied=1"), 2, "--set: a run has no setting sied; did you mean side?"),
        (
            ("--set", "data.tags_split=strong"),
            1,
            "no image that gives tags and no mask can have a fault; name others",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    words: tuple[str, ...],
    status: int,
    message: str,
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(shapes), "--out", str(tmp_path), "--quiet", *SETTINGS, *words]

    assert main(given) == status

    assert capsys.readouterr().err == f"benchmarks: {message}\n"
    assert not list(tmp_path.iterdir())


def test_an_interruption_is_one_line(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.audit.measure", stop)

    assert main([str(shapes), "--out", str(tmp_path / "out"), *SETTINGS]) == 130

    assert "interrupted; the same command goes on in" in capsys.readouterr().err
