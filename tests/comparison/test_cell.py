import json
from pathlib import Path

import numpy as np
import pytest

from decouplednet.comparison.cell import POINTS, Cell, CellResult, StageCurve, verdict, write_cell
from decouplednet.errors import DataError
from decouplednet.evaluation.json_file import read_json
from decouplednet.report.curves import LateLoss
from tests.comparison.fakes import a_cell, falling


def test_a_cell_has_a_name_for_files_and_words_for_people() -> None:
    assert Cell("one-network", 25, 2).name == "one-network-masks25-seed2"
    assert str(Cell("one-network", 1, 2)) == "one-network, 1 mask a class, seed 2"
    assert str(Cell("maps", 0, 2)) == "maps, no masks, seed 2"


@pytest.mark.parametrize(
    ("before", "last", "expected"),
    [
        (0.50, 0.47, "at rest"),  # 1.5 % of the start
        (0.50, 0.53, "at rest"),
        (0.50, 0.45, "still falling"),
        (0.50, 0.55, "rising"),
        (1.81, 1.81, "hardly fell"),
        (1.79, 1.79, "at rest"),
    ],
)
def test_a_loss_is_at_rest_when_its_end_changed_little_beside_its_start(
    before: float, last: float, expected: str
) -> None:
    assert verdict(LateLoss(first=2.0, before=before, last=last)) == expected


def test_too_few_updates_tell_nothing() -> None:
    curve = StageCurve.of("segmenter", np.linspace(1, 0, 19))

    assert (curve.updates, curve.late, curve.verdict) == (19, None, "too few updates")
    assert StageCurve.of("segmenter", falling(99)).verdict == "too few updates"
    assert StageCurve.of("segmenter", falling(100)).verdict == "at rest"


def test_a_curve_keeps_few_points_of_its_running_mean_the_first_and_the_last_among_them() -> None:
    loss = np.arange(1000.0, 0.0, -1.0)
    curve = StageCurve.of("segmenter", loss)

    assert curve.updates == 1000
    assert len(curve.update) == len(curve.loss) == POINTS
    assert (curve.update[0], curve.update[-1]) == (1, 1000)
    assert curve.loss[0] == 1000
    assert curve.loss[-1] == sum(range(1, 41)) / 40  # over 4 % of the updates
    place = curve.update[20]
    expected = sum(loss[place - 40 : place]) / 40
    assert curve.loss[20] == pytest.approx(expected, rel=1e-3)
    assert curve.late == LateLoss(first=950.5, before=150.5, last=50.5)


def test_a_short_curve_is_kept_whole() -> None:
    curve = StageCurve.of("segmenter", np.array([3.0, 1.0]))

    assert (curve.update, curve.loss) == ((1, 2), (3.0, 1.0))


def test_a_cell_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    result = a_cell("masks-only", masks=25, seed=3, failures=("images/a.png: cut short",))
    path = write_cell(tmp_path, result)

    assert path.name == "masks-only-masks25-seed3.json"
    assert read_json(path, CellResult) == result
    assert result.cell == Cell("masks-only", 25, 3)


def test_the_updates_are_those_of_all_stages() -> None:
    curves = tuple(StageCurve.of(name, falling(n)) for name, n in (("a", 30), ("b", 12)))

    assert a_cell(curves=curves).updates == 42


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("format_version", 2, "format_version: Input should be 1"),
        ("method", "Our Method", "method: String should match pattern"),
        ("mious", 0.5, "mious: Extra inputs are not permitted"),
        ("curves", [], "curves: Tuple should have at least 1 item"),
        ("seed", -1, "seed: Input should be greater than or equal to 0"),
    ],
)
def test_a_file_that_is_no_cell_is_refused(
    key: str, value: object, told: str, tmp_path: Path
) -> None:
    path = write_cell(tmp_path, a_cell())
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))

    with pytest.raises(DataError, match=f"{path.name}: {told}"):
        read_json(path, CellResult)
