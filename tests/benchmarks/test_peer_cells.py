"""Cells of peers: trained on a comparison's terms, left where done, and in its table."""

from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peer_cells import train_cells
from decouplednet.comparison import methods
from decouplednet.comparison.baselines import one_network
from decouplednet.comparison.cell import Cell, CellResult
from decouplednet.comparison.compare import compare
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.errors import DataError, TrainingError, UsageError
from decouplednet.evaluation.json_file import read_json
from tests.benchmarks.small_peer import OTHER, SMALL
from tests.comparison.fakes import Untrained
from tests.shapes import NAMES
from tests.training.conftest import copy_of, quick


@pytest.fixture
def begun(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComparisonFolder:
    """A comparison that has one cell of a method of its own."""
    monkeypatch.setattr(methods, "METHODS", (Untrained("own"),))
    settings = quick().changed({"data.masks_split": None})
    return compare(shapes, out=tmp_path / "out", masks=[1], seeds=[0], settings=settings).folder


def test_a_cell_is_complete_and_enters_the_table_of_the_comparison(
    shapes: Path, begun: ComparisonFolder
) -> None:
    failed = train_cells(shapes, begun.root, [SMALL], masks=[1], seeds=[0])
    cell = read_json(begun.file(Cell("smp-small", 1, 0)), CellResult)
    table = compare(shapes, out=begun.root, methods=[], masks=[1], seeds=[0])

    assert failed == ()
    assert (cell.title, cell.uses_tags, cell.tuning) == ("small peer", False, peers.TUNING)
    assert tuple(cell.predicted_tags.iou) == ("background", *NAMES)
    assert cell.predicted_tags.images == 2
    assert cell.true_tags is not None
    assert (cell.predicted_tags.tag_map, cell.true_tags.tag_map) == (None, None)
    assert [(curve.stage, curve.updates, curve.verdict) for curve in cell.curves] == [
        ("one_network", 3, "too few updates")
    ]
    own = read_json(begun.file(Cell("own", 1, 0)), CellResult)
    assert (cell.digests, cell.budget, cell.where) == (own.digests, own.budget, own.where)
    assert table.refused == ()
    assert {each.cell for each in table.cells} == {Cell("own", 1, 0), Cell("smp-small", 1, 0)}
    assert "| 1 | small peer | 0." in begun.table.read_text()


def test_cells_that_are_done_are_left_and_those_that_are_missing_trained(
    shapes: Path, begun: ComparisonFolder
) -> None:
    train_cells(shapes, begun.root, [SMALL], masks=[1], seeds=[0])
    before = begun.file(Cell("smp-small", 1, 0)).stat().st_mtime_ns
    told: list[str] = []
    train_cells(shapes, begun.root, [SMALL, OTHER], masks=[1, 2], seeds=[0], tell=told.append)

    assert begun.file(Cell("smp-small", 1, 0)).stat().st_mtime_ns == before
    assert told[:3] == [
        "smp-small, 1 mask a class, seed 0: done before",
        "smp-other, 1 mask a class, seed 0: begins",
        f"smp-other, 1 mask a class, seed 0: done, {begun.file(Cell('smp-other', 1, 0))}",
    ]
    assert len(told) == 7
    assert (begun.splits / "drawn_2.txt").exists()


def test_a_cell_that_fails_is_named_and_does_not_stop_the_others(
    shapes: Path, begun: ComparisonFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = one_network.train_from_masks

    def fail_once(*given: object, **named: object) -> None:
        monkeypatch.setattr(peers, "train_from_masks", train)
        raise TrainingError("the loss became nan")

    monkeypatch.setattr(peers, "train_from_masks", fail_once)
    told: list[str] = []
    failed = train_cells(shapes, begun.root, [SMALL, OTHER], masks=[1], seeds=[0], tell=told.append)

    assert failed == (Cell("smp-small", 1, 0),)
    assert told[1] == "failed: smp-small, 1 mask a class, seed 0: the loss became nan"
    assert begun.file(Cell("smp-other", 1, 0)).exists()
    assert train_cells(shapes, begun.root, [SMALL], masks=[1], seeds=[0]) == ()


def test_a_comparison_must_have_begun(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"out: no comparison was begun here; begin it with decouplednet compare DATA --out "
        r".*out, which records what all methods have in common$",
    ):
        train_cells(shapes, tmp_path / "out", [SMALL], masks=[1], seeds=[0])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("masks", "seeds"), [([0], [0]), ([1], [-1])])
def test_numbers_that_no_cell_can_have_are_refused(
    masks: list[int], seeds: list[int], shapes: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="expected different whole numbers"):
        train_cells(shapes, tmp_path, [SMALL], masks=masks, seeds=seeds)


def test_the_device_may_be_another_than_the_comparisons(
    shapes: Path, begun: ComparisonFolder
) -> None:
    told: list[str] = []
    failed = train_cells(
        shapes, begun.root, [SMALL], masks=[1], seeds=[0], device="cuda", tell=told.append
    )

    assert failed == (Cell("smp-small", 1, 0),)
    assert "cuda" in told[1]


def test_the_prefix_names_the_splits_of_masks(shapes: Path, tmp_path: Path) -> None:
    data = copy_of(shapes, tmp_path / "data")
    (data / "splits" / "few3.txt").write_text("picture_00\npicture_02\n")
    folder = ComparisonFolder(tmp_path / "out")
    folder.begin(quick().changed({"data.masks_split": None}), {})
    train_cells(data, folder.root, [SMALL], masks=[3], seeds=[0], prefix="few")

    assert folder.file(Cell("smp-small", 3, 0)).exists()
    assert not folder.splits.exists()
