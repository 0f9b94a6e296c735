import math

import pytest

from decouplednet.comparison.rows import Spread, rows_of, spread
from tests.comparison.fakes import a_cell, scores_of


def test_the_spread_is_the_standard_deviation_of_the_sample() -> None:
    got = spread([0.2, 0.5, 0.8])

    assert got is not None
    assert got.mean == pytest.approx(0.5)
    assert got.values == (0.2, 0.5, 0.8)
    assert got.deviation == pytest.approx(0.3)  # sqrt((0.09 + 0 + 0.09) / 2)
    assert spread([0.4]) == Spread(0.4, None, (0.4,))
    assert spread([None, None]) is None


def test_a_spread_is_stated_with_its_places_sign_and_deviation() -> None:
    several, one = Spread(0.25, 0.0625, (0.1, 0.4)), Spread(-0.5, None, (-0.5,))

    assert (several.stated(), several.stated(2)) == ("0.250 ± 0.062", "0.25 ± 0.06")
    assert several.stated(4, sign="+") == "+0.2500 ± 0.0625"
    assert (one.stated(), one.stated(1, sign="+")) == ("-0.500", "-0.5")


def test_rows_go_by_masks_and_then_by_score_the_best_method_first() -> None:
    cells = [
        a_cell("worse", 25, 0, 0.4),
        a_cell("better", 25, 1, 0.7),
        a_cell("better", 25, 0, 0.5),
        a_cell("worse", 5, 0, 0.3),
        a_cell("maps", 0, 0, 0.1),
        a_cell("nothing", 25, 0, None),
    ]
    rows = rows_of(cells)

    assert [(row.masks, row.method) for row in rows] == [
        *((0, "maps"), (5, "worse")),
        *((25, "better"), (25, "worse"), (25, "nothing")),
    ]
    assert [cell.seed for cell in rows[2].cells] == [0, 1]
    best = rows[2].predicted_tags
    assert best is not None
    assert (best.mean, best.values) == (0.6, (0.5, 0.7))
    assert best.deviation == pytest.approx(math.sqrt(0.02))
    assert rows[4].predicted_tags is None


def test_a_class_that_occurs_for_some_seeds_is_averaged_over_those() -> None:
    cells = [
        a_cell(seed=seed, predicted_tags=scores_of(0.5, {"background": 0.9, "disc": iou}))
        for seed, iou in enumerate((0.2, None, 0.6))
    ]
    (row,) = rows_of(cells)

    assert row.iou["disc"] == spread([0.2, 0.6])
    assert row.iou["background"] == spread([0.9, 0.9, 0.9])


def test_scores_with_true_tags_are_those_of_the_cells_that_have_them() -> None:
    cells = [a_cell(seed=0), a_cell(seed=1, true_tags=scores_of(0.8))]
    (row,) = rows_of(cells)

    assert row.true_tags == Spread(0.8, None, (0.8,))
    assert row.iou_true_tags["bar"] == Spread(0.8, None, (0.8,))
    (untold,) = rows_of(cells[:1])
    assert untold.true_tags is None
    assert untold.iou_true_tags == {}


def test_numbers_are_means_over_the_cells() -> None:
    (row,) = rows_of([a_cell(seed=0, minutes=2), a_cell(seed=1, minutes=5)])

    assert row.mean_of("minutes") == 3.5
    assert row.mean_of("updates") == 120


@pytest.mark.parametrize(
    ("budgets", "minutes"),
    [
        (("5 minutes of training", "1 minute of training"), 2.5),
        (("5 minutes of training", "1 update of 8 windows from masks"), None),
        (("9 updates of 64 images from tags", "1 update of 8 windows from masks"), None),
        (("updates chosen for the tags",), None),
    ],
)
def test_minutes_have_a_mean_where_no_cell_counted_updates(
    budgets: tuple[str, ...], minutes: float | None
) -> None:
    (row,) = rows_of([a_cell(seed=seed, budget=budget) for seed, budget in enumerate(budgets)])

    assert row.minutes == minutes
