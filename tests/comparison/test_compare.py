"""The whole comparison: what is trained, what is left, what is written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.comparison import methods
from decouplednet.comparison.budget import with_budget
from decouplednet.comparison.cell import Cell, Digests, write_cell
from decouplednet.comparison.compare import Outline, compare
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.comparison.own_training import IMPROVED
from decouplednet.comparison.results import Comparison
from decouplednet.comparison.terms import set_terms
from decouplednet.errors import UsageError
from decouplednet.settings import Settings
from tests.comparison.fakes import Untrained, a_cell
from tests.training.conftest import copy_of

Call = Callable[..., Comparison]
SETTINGS = Settings.read(
    None, ["preset=tiny", "data.validation_split=val", "compute.device=cpu", "compute.precision=32"]
)


@pytest.fixture
def call(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Compare methods that are not trained; ``methods`` are those that exist meanwhile."""

    def run(*there: Untrained, **changes: object) -> Comparison:
        monkeypatch.setattr(methods, "METHODS", there)
        fields: dict[str, object] = {"settings": SETTINGS, "masks": [1], "seeds": [0]}
        return compare(shapes, out=tmp_path / "out", **{**fields, **changes})  # type: ignore[arg-type]  # each test gives what its argument takes

    return run


def test_all_cells_are_trained_and_everything_is_written(call: Call) -> None:
    got = call(Untrained("a"), Untrained("b"), masks=[1, 2], seeds=[0, 3])
    folder = got.folder

    assert {cell.cell for cell in got.cells} == {
        Cell(method, masks, seed) for method in "ab" for masks in (1, 2) for seed in (0, 3)
    }
    assert (got.refused, got.faults) == ((), ())
    for file in (folder.table, folder.sheet, folder.scores, folder.convergence, folder.settings):
        assert file.stat().st_size > 50
    content = json.loads(folder.results.read_text())
    assert len(content["cells"]) == 8
    assert content["tags"]["share"] == got.guard.share
    assert sorted(path.name for path in folder.splits.iterdir()) == ["drawn_1.txt", "drawn_2.txt"]


def test_cells_that_are_done_are_not_done_again(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(Untrained("a"))
    before = first.folder.file(Cell("a", 1, 0)).stat().st_mtime_ns
    outlines: list[Outline] = []
    second = call(Untrained("a"), masks=[1, 2], announce=outlines.append)

    (outline,) = outlines
    assert outline.cells == (Cell("a", 1, 0), Cell("a", 2, 0))
    assert outline.to_do == (Cell("a", 2, 0),)
    assert first.folder.file(Cell("a", 1, 0)).stat().st_mtime_ns == before
    assert [cell.masks for cell in second.cells] == [1, 2]


def test_a_comparison_that_was_stopped_goes_on_with_the_cells_that_are_missing(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, trained = Untrained.train, list[int]()

    def stops_at_the_third(method: Untrained, plan: object, folder: object) -> object:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(1)
        return train(method, plan, folder)  # type: ignore[arg-type]  # handed on as they came

    with monkeypatch.context() as patch:
        patch.setattr(Untrained, "train", stops_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            call(Untrained("a"), masks=[1, 2], seeds=[0, 1])
    told: list[str] = []
    got = call(Untrained("a"), masks=[1, 2], seeds=[0, 1], tell=told.append)

    assert len(got.cells) == 4
    assert [line for line in told if line.startswith("cell ")] == [
        "cell 1 of 2: a, 1 mask a class, seed 1",
        "cell 2 of 2: a, 2 masks a class, seed 1",
    ]


def test_a_cell_that_fails_does_not_stop_the_others(call: Call) -> None:
    told: list[str] = []
    got = call(Untrained("a", fails_at=(0,)), seeds=[0, 1], tell=told.append)
    fault = "a, 1 mask a class, seed 0: the loss became nan"

    assert [cell.seed for cell in got.cells] == [1]
    assert got.faults == (fault,)
    assert told[:2] == ["cell 1 of 2: a, 1 mask a class, seed 0", f"failed: {fault}"]
    assert told[3].startswith("mean IoU 0.")
    assert told[3].endswith(" after 0.0 minutes of training")
    assert f"- failed: {fault}\n" in got.folder.table.read_text()


def test_where_every_cell_fails_no_table_is_written(call: Call) -> None:
    got = call(Untrained("a", fails_at=(0,)))

    assert (got.cells, len(got.faults)) == ((), 1)
    assert not got.folder.table.exists()


def test_cells_of_another_environment_enter_table_and_refused_ones_stay_out(
    call: Call, shapes: Path, tmp_path: Path
) -> None:
    terms = set_terms(Catalogue.read(shapes), SETTINGS)
    cells = ComparisonFolder(tmp_path / "out").cells
    write_cell(cells, a_cell("unet", 1, 0, 0.9, title="U-Net", digests=terms.digests(1)))
    foreign = a_cell("a", 1, 0, digests=Digests(scored="0" * 64, masks="0" * 64, tags="0" * 64))
    kept = write_cell(cells, foreign).read_text()
    outlines: list[Outline] = []
    got = call(Untrained("a"), seeds=[0, 1], announce=outlines.append)

    assert [cell.cell for cell in got.cells] == [Cell("a", 1, 1), Cell("unet", 1, 0)]
    assert "| 1 | U-Net | 0.900 (1) |" in got.folder.table.read_text()
    assert len(got.refused) == len(outlines[0].found.refused) == 1
    assert "was scored on other images" in got.refused[0]
    assert (cells / "a-masks1-seed0.json").read_text() == kept, "nobody's file is written over"
    assert outlines[0].to_do == (Cell("a", 1, 1),)


def test_without_methods_tables_and_pictures_alone_are_written_anew(call: Call) -> None:
    table = call(Untrained("a")).folder.table
    expected = table.read_text()
    table.unlink()
    got = call(Untrained("a"), methods=[], masks=[1, 2])

    assert len(got.cells) == 1
    assert table.read_text() == expected
    (got.folder.file(Cell("a", 1, 0))).unlink()
    with pytest.raises(UsageError, match="out: holds no cell yet; name the --methods to train"):
        call(Untrained("a"), methods=[])


def test_a_third_stage_without_minutes_is_refused_before_anything_is_written(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "METHODS", (Untrained("a"), IMPROVED))
    out = tmp_path / "out"
    counted = SETTINGS.changed({"segmenter.updates": 3})
    with pytest.raises(
        UsageError, match=r"^--methods: improved trains a third stage; .*methods a$"
    ):
        compare(shapes, out=out, settings=counted, masks=[1], seeds=[0])

    assert not out.exists()
    assert compare(shapes, out=out, settings=counted, methods=["a"], masks=[1], seeds=[0]).cells
    digests = set_terms(Catalogue.read(shapes), counted).digests(1)
    write_cell(out / "cells", a_cell("improved", 1, 0, digests=digests))
    assert len(compare(shapes, out=out, masks=[1], seeds=[0]).cells) == 2, "it is done already"


@pytest.mark.parametrize("stage", ["classifier", "segmenter"])
def test_without_any_budget_a_cell_has_ten_minutes(stage: str) -> None:
    assert with_budget(Settings()).minutes == 10
    for change in ("minutes=3", f"{stage}.minutes=3", f"{stage}.updates=7"):
        given = Settings.read(None, [change])
        assert with_budget(given) == given


def test_a_method_of_three_stages_can_join_a_comparison_that_began_without_a_budget(
    call: Call, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(Untrained("a"))
    assert [cell.budget for cell in first.cells] == ["8 minutes of training"]
    monkeypatch.setattr(methods, "METHODS", (Untrained("a"), IMPROVED))
    outlines: list[Outline] = []

    def stop(outline: Outline) -> None:
        outlines.append(outline)
        raise KeyboardInterrupt

    for again in (SETTINGS, None):  # the same words as before, and those that are recorded
        with pytest.raises(KeyboardInterrupt):
            compare(shapes, out=first.folder.root, settings=again, masks=[1], announce=stop)
        assert Cell("improved", 1, 0) in outlines[-1].to_do


def test_the_table_says_that_updates_are_not_worth_the_same(
    call: Call, shapes: Path, tmp_path: Path
) -> None:
    counted = SETTINGS.changed(
        {"segmenter.updates": 3, "self_training.updates": 3, "self_training.side": 64}
    )
    assert (
        "not worth the same" not in call(Untrained("a"), settings=counted).folder.table.read_text()
    )
    digests = set_terms(Catalogue.read(shapes), counted).digests(1)
    write_cell(tmp_path / "out" / "cells", a_cell("improved", 1, 0, digests=digests))
    table = call(Untrained("a"), settings=counted).folder.table.read_text()

    assert (
        "- an update is not worth the same in all methods; it sees, in improved: 8 windows of 96 "
        "pixels in the second stage and 8 windows of 64 pixels in the third; in a: 8 windows of 96 "
        "pixels, if it keeps to the settings in common\n"
    ) in table


def test_settings_need_not_be_given_again(call: Call) -> None:
    call(Untrained("a"))

    assert len(call(Untrained("a"), seeds=[0, 1], settings=None).cells) == 2


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"masks": []}, "--masks: nothing: expected different whole numbers of at least 1"),
        ({"masks": [5, 0]}, "--masks: 5, 0: expected different whole numbers of at least 1"),
        ({"seeds": [1, 1]}, "--seeds: 1, 1: expected different whole numbers of at least 0"),
        ({"seeds": [-1]}, "--seeds: -1: expected different whole numbers of at least 0"),
        ({"seeds": [2**53]}, "of at least 0 and below 9007199254740992"),
    ],
)
def test_numbers_that_no_cell_can_have_are_refused(
    numbers: dict[str, object], told: str, call: Call, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        call(Untrained("a"), **numbers)
    assert not (tmp_path / "out").exists()


def test_the_prefix_names_the_splits_and_models_are_kept_on_demand(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = copy_of(shapes, tmp_path / "data")
    (data / "splits" / "few3.txt").write_text("picture_00\npicture_02\n")
    monkeypatch.setattr(methods, "METHODS", (Untrained("a"),))
    outlines: list[Outline] = []
    got = compare(
        data,
        out=tmp_path / "out",
        settings=SETTINGS,
        masks=[3],
        seeds=[0],
        masks_split_prefix="few",
        keep_models=True,
        announce=outlines.append,
    )

    assert outlines[0].terms.named == {3: "few3"}
    assert not got.folder.splits.exists()
    assert (got.folder.run(Cell("a", 3, 0)).model / "model.json").exists()
