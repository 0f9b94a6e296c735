from pathlib import Path

from decouplednet.comparison.announcement import describe
from decouplednet.comparison.cell import Cell
from decouplednet.comparison.compare import Outline
from decouplednet.comparison.folder import Found
from tests.comparison.fakes import a_cell, terms_of
from tests.training.conftest import copy_of


def test_the_table_says_what_will_be_trained_on_what_and_what_is_there(shapes: Path) -> None:
    terms = terms_of(shapes, "data.validation_split=val", "classifier.updates=7")
    cells = (Cell("a", 1, 0), Cell("maps", 0, 0), Cell("a", 1, 2), Cell("maps", 0, 2))
    found = Found((a_cell("a", 1, 0), a_cell("unet", 1, 0), a_cell("unet", 1, 1)), ("x", "y"))
    rows = dict(describe(Outline(terms, cells, cells[1:], found)))

    (drawn,) = [len(terms.masked(1))]
    assert rows == {
        "data": f"{shapes}, 12 images",
        "classes": "3: disc, bar, frame; others: ignore",
        "only scored": "2 images (val)",
        "masks a class": f"1 in {drawn} images (drawn)",
        "methods": "a, maps",
        "seeds": "0, 2",
        "budget of a cell": "7 updates of 64 images from tags, updates chosen for the masks",
        "cells": "4: 1 done, 3 to do; 2 others there already; 2 files refused",
    }


def test_nothing_to_train_is_said_so(shapes: Path) -> None:
    terms = terms_of(shapes, "data.validation_split=val")
    rows = dict(describe(Outline(terms, (), (), Found((a_cell(),), ()))))

    assert rows == {
        "data": str(shapes),
        "cells": "nothing to train; tables and pictures of 1 cell",
    }


def test_the_time_of_all_cells_and_what_is_scored_and_learnt_are_said(
    shapes: Path, tmp_path: Path
) -> None:
    changes = ("classifier.minutes=2", "segmenter.minutes=28")
    terms = terms_of(shapes, *changes, "data.validation_split=val")
    cells = tuple(Cell("a", 1, seed) for seed in range(4))
    rows = dict(describe(Outline(terms, cells, cells[1:], Found((), ()))))
    assert rows["expected"] == "90 min of training, features and scores beside it"
    assert "caution" not in rows
    splits = copy_of(shapes, tmp_path / "data") / "splits"
    both = "".join((splits / f"{name}.txt").read_text() for name in ("strong", "val"))
    (splits / "strong_1.txt").write_text(both)
    terms = terms_of(tmp_path / "data", *changes, "data.validation_split=val")
    rows = dict(describe(Outline(terms, cells, cells, Found((), ()))))
    assert rows["caution"] == "scored and learnt from: 2 images; scores will flatter"


def test_updates_that_are_not_worth_the_same_are_said(shapes: Path) -> None:
    sides = ("segmenter.side=96", "self_training.side=64")
    updates = [f"{stage}.updates=9" for stage in ("classifier", "segmenter", "self_training")]
    terms = terms_of(shapes, *updates, *sides, "data.validation_split=val")
    cells = (Cell("improved", 1, 0), Cell("masks-only", 1, 0))
    told = (
        "an update is not worth the same in all methods; it sees, in improved: 8 windows of 96 "
        "pixels in the second stage and 8 windows of 64 pixels in the third; in masks-only: 8 "
        "windows of 96 pixels"
    )

    assert dict(describe(Outline(terms, cells, cells, Found((), ()))))["caution"] == told
    there = Found((a_cell("masks-only", 1, 0),), ())
    assert dict(describe(Outline(terms, cells[:1], cells[:1], there)))["caution"] == told
    assert "caution" not in dict(describe(Outline(terms, cells[:1], cells[:1], Found((), ()))))
