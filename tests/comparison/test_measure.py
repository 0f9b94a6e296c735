"""The minutes of a cell are those of its stages and labels, on a clock that they move."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import image_size
from decouplednet.annotations.mask_content import index_mask
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.annotations.masks import write_mask
from decouplednet.annotations.record import Record
from decouplednet.comparison.budget import of_each_cell
from decouplednet.comparison.cell import Cell, CellResult
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.comparison.grid import Grid
from decouplednet.comparison.own_training import DECOUPLEDNET, IMPROVED, OwnTraining
from decouplednet.comparison.terms import set_terms
from decouplednet.inference.predictor import Predictor
from decouplednet.training import self_training
from decouplednet.training.budget import SHARES_OF_THREE
from decouplednet.training.stages import MaskStage, TagStage
from decouplednet.training.student import StudentStage
from tests.training.clock import FakeClock
from tests.training.conftest import quick

STEP = 10.0
LABEL = 30.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that steps and labels move; every label holds a tag of its image."""
    clock = FakeClock()

    def slow(loss: Callable[..., Any]) -> Callable[..., Any]:
        def slowed(*given: Any) -> Any:
            clock.now += STEP
            return loss(*given)

        return slowed

    for stage in (TagStage, MaskStage, StudentStage):
        monkeypatch.setattr(stage, "loss", slow(stage.loss))

    def write(
        predictor: Predictor,
        records: list[Record],
        tags: list[frozenset[str]],
        folder: Path,
        **_: Any,
    ) -> tuple[Record, ...]:
        labelled = []
        for record, names in zip(records, tags, strict=True):
            clock.now += LABEL
            mask = np.full(image_size(record.image), predictor.classes.index(min(names)), np.uint8)
            write_mask(folder / f"{record.name}.png", mask)
            source = MaskSource(index_mask(folder / f"{record.name}.png"), record.image, None)
            labelled.append(replace(record, mask=source))
        return tuple(labelled)

    monkeypatch.setattr(self_training, "write_pseudo_masks", write)
    return clock


def train(method: OwnTraining, clock: FakeClock, shapes: Path, out: Path) -> CellResult:
    """Train a cell that has ten minutes."""
    settings = of_each_cell(quick("minutes=10", "self_training.enabled=true"))
    grid = Grid(
        folder=ComparisonFolder(out),
        terms=set_terms(Catalogue.read(shapes), settings),
        methods={method.name: replace(method, clock=clock)},
        keep_models=False,
        progress=False,
    )
    result = grid.train(Cell(method.name, 2, 0))
    assert result, grid.folder.faults()
    return result


def test_labels_are_part_of_the_minutes_of_a_cell(
    clock: FakeClock, shapes: Path, tmp_path: Path
) -> None:
    begun = clock.now
    result = train(IMPROVED, clock, shapes, tmp_path)
    run = ComparisonFolder(tmp_path).run(result.cell)
    seconds = run.read_facts()["seconds"]

    assert seconds["pseudo-masks"] >= 4 * LABEL
    assert seconds["student"] + seconds["pseudo-masks"] == pytest.approx(
        600 * SHARES_OF_THREE["student"], abs=STEP
    )
    # Each of the three stages ends with the update in which its time is over.
    assert 10 <= result.minutes < 10 + 3 * STEP / 60
    assert result.minutes == pytest.approx((clock.now - begun) / 60, abs=0.01)
    assert result.budget == "10 minutes of training"


def test_a_method_without_labels_has_the_same_minutes(
    clock: FakeClock, shapes: Path, tmp_path: Path
) -> None:
    result = train(DECOUPLEDNET, clock, shapes, tmp_path)

    assert 10 <= result.minutes < 10 + 2 * STEP / 60
    assert result.budget == "10 minutes of training"
