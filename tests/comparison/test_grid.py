from pathlib import Path

import pytest

from decouplednet.comparison.cell import Cell, CellResult
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.comparison.grid import Grid, cells_of
from decouplednet.evaluation.json_file import read_json
from decouplednet.training.run_folder import RunFolder
from tests.comparison.fakes import Untrained, terms_of
from tests.shapes import NAMES

SCORED = ("data.validation_split=val", "compute.device=cpu", "compute.precision=32")


def grid(data: Path, out: Path, *methods: Untrained, keep_models: bool = False) -> Grid:
    return Grid(
        folder=ComparisonFolder(out),
        terms=terms_of(data, *SCORED),
        methods={method.name: method for method in methods},
        keep_models=keep_models,
        progress=False,
    )


def test_cells_go_seed_by_seed_and_a_method_without_masks_has_one_a_seed() -> None:
    methods = (Untrained("a"), Untrained("maps", uses_masks=False))

    assert cells_of(methods, [10, 5], [1, 0]) == (
        *(Cell("a", 10, 1), Cell("maps", 0, 1), Cell("a", 5, 1)),
        *(Cell("a", 10, 0), Cell("maps", 0, 0), Cell("a", 5, 0)),
    )
    assert cells_of((), [5], [0]) == ()


def test_a_cell_is_trained_scored_and_written(shapes: Path, tmp_path: Path) -> None:
    some = grid(shapes, tmp_path, Untrained())
    cell = Cell("untrained", 1, 4)
    result = some.train(cell)

    assert result is not None
    assert read_json(some.folder.file(cell), CellResult) == result
    assert (result.cell, result.title, result.tuning) == (cell, "untrained, not trained", "nothing")
    assert (result.parameters, result.trained_parameters, result.updates) == (11, 7, 30)
    assert result.predicted_tags.images == 2
    assert tuple(result.predicted_tags.iou) == ("background", *NAMES)
    assert result.true_tags is not None
    assert result.digests == some.terms.digests(1)
    assert [curve.stage for curve in result.curves] == ["pixels"]
    assert (result.where.device, result.where.precision) == ("cpu", "32-true")
    run = some.folder.run(cell)
    assert not run.model.exists()
    assert not run.checkpoints.exists()
    scores = run.metrics.read_text()
    assert '"predicted_tags"' in scores
    assert '"per_image"' in scores


def test_a_method_that_cannot_be_told_tags_is_scored_without(shapes: Path, tmp_path: Path) -> None:
    result = grid(shapes, tmp_path, Untrained(takes_tags=False)).train(Cell("untrained", 1, 4))

    assert result is not None
    assert result.true_tags is None
    assert result.predicted_tags.tag_map is None


def test_models_are_kept_where_they_are_wanted(shapes: Path, tmp_path: Path) -> None:
    some = grid(shapes, tmp_path, Untrained(), keep_models=True)
    cell = Cell("untrained", 2, 0)
    some.train(cell)

    assert (some.folder.run(cell).model / "model.safetensors").exists()


def test_a_cell_that_fails_leaves_one_line_until_it_is_done(shapes: Path, tmp_path: Path) -> None:
    cell = Cell("untrained", 1, 3)
    failing = grid(shapes, tmp_path, Untrained(fails_at=(3,)))

    assert failing.train(cell) is None
    assert failing.folder.faults() == ("untrained, 1 mask a class, seed 3: the loss became nan",)
    assert "Traceback" in failing.folder.fault(cell).read_text()
    assert not failing.folder.file(cell).exists()
    mended = grid(shapes, tmp_path, Untrained())
    assert mended.train(cell) is not None
    assert mended.folder.faults() == ()


def test_a_fault_of_the_code_is_told_with_its_kind(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def divide(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(Untrained, "train", divide)
    some = grid(shapes, tmp_path, Untrained())
    some.train(Cell("untrained", 1, 0))

    told = "untrained, 1 mask a class, seed 0: ZeroDivisionError: by nothing"
    assert some.folder.faults() == (told,)


def test_the_users_own_stop_ends_the_grid(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Untrained, "train", stop)
    some = grid(shapes, tmp_path, Untrained())
    with pytest.raises(KeyboardInterrupt):
        some.train(Cell("untrained", 1, 0))
    assert some.folder.faults() == ()


def test_a_cell_that_began_with_other_settings_is_not_gone_on_with(
    shapes: Path, tmp_path: Path
) -> None:
    cell = Cell("untrained", 1, 3)
    grid(shapes, tmp_path, Untrained(fails_at=(3,))).train(cell)
    run = RunFolder(tmp_path / "runs" / cell.name)
    run.settings.write_text(run.settings.read_text().replace("side = 96", "side = 64", 1))
    again = grid(shapes, tmp_path, Untrained())

    assert again.train(cell) is None
    assert again.folder.faults() == (
        f"{cell}: {run.root}: was begun with other settings (side); remove that "
        "folder to train the cell anew",
    )


def test_a_cell_whose_result_was_removed_is_trained_from_its_start(
    shapes: Path, tmp_path: Path
) -> None:
    some, cell = grid(shapes, tmp_path, Untrained()), Cell("untrained", 1, 0)
    assert some.train(cell)
    run = some.folder.run(cell)
    facts = run.read_facts()
    run.write_json(run.facts, facts | {"seconds": {"pseudo-masks": 600.0}})

    assert some.train(cell)

    assert "pseudo-masks" not in run.read_facts()["seconds"]


def test_a_cell_that_another_process_trains_is_left_to_it(shapes: Path, tmp_path: Path) -> None:
    some, cell = grid(shapes, tmp_path, Untrained(fails_at=(0,))), Cell("untrained", 1, 0)
    some.train(cell)  # begun, as the other process has done
    with some.folder.run(cell).locked():
        assert grid(shapes, tmp_path, Untrained()).train(cell) is None
    (told,) = some.folder.faults()
    assert told.endswith("another process is training there; wait for it or stop it")
