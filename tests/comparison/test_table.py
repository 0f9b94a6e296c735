import csv
import io

import numpy as np

from decouplednet.comparison.cell import StageCurve
from decouplednet.comparison.guard import watch
from decouplednet.comparison.own_training import DECOUPLEDNET, IMPROVED, MASKS_ONLY
from decouplednet.comparison.table import markdown, score_table, sheet
from tests.comparison.fakes import a_cell, scores_of

# Two seeds of one method and one of another, at five masks; every number below is by hand.
FALLING = StageCurve.of("segmenter", np.linspace(1, 0, 120))
CELLS = (
    a_cell("decouplednet", 5, 0, 0.50, minutes=2.0, true_tags=scores_of(0.7)),
    a_cell("decouplednet", 5, 1, 0.60, minutes=3.0, true_tags=scores_of(0.8), curves=(FALLING,)),
    a_cell("masks-only", 5, 0, 0.55, title="a | b", failures=("images/x.png: cut short",)),
)
GUARD = watch([frozenset({"disc"})], ("disc", "bar", "frame"), CELLS)


def test_the_table_of_scores_is_that_worked_out_by_hand() -> None:
    assert score_table(CELLS) == [
        "| masks a class | method | predicted tags | true tags | tag mAP | minutes | updates | "
        "weights trained / all | came to rest |",
        "|---|---|---|---|---|---|---|---|---|",
        "| 5 | Decouplednet | 0.550 ± 0.071 (2) | 0.750 ± 0.071 (2) | 0.750 ± 0.000 (2) | 2.5 "
        "| 120 | 1.25 M / 3.00 M | 1 of 2 curves |",
        "| 5 | a \\| b | 0.550 (1) | - | 0.750 (1) | 2.5 | 120 | 1.25 M / 3.00 M | yes |",
    ]


def test_the_page_says_all_that_must_be_known_to_read_it() -> None:
    page = markdown(CELLS, GUARD, ["maps, no masks, seed 0: the loss became nan"])

    for line in (
        "| 5 | Decouplednet | 0.55 ± 0.07 (2) | 0.55 ± 0.07 (2) | 0.55 ± 0.07 (2) | "
        "0.55 ± 0.07 (2) |",
        "- scored on 7 images",
        "- budget of a cell: 3 minutes",
        f"- tuned for Decouplednet: {DECOUPLEDNET.tuning}",
        f"- tuned for a \\| b: {MASKS_ONLY.tuning}",
        "- computed on cpu, 2 threads, torch 2.13.0, 32-true",
        "- not at rest: Decouplednet, 5 masks a class: stage 2, masks, seed 1: still falling",
        "- not scored: images/x.png: cut short",
        "- failed: maps, no masks, seed 0: the loss became nan",
        f"- {GUARD.sentences()[0]}",
        f"- warning: {GUARD.warnings[0]}",
    ):
        assert f"{line}\n" in page
    assert "classes averaged, background counted: 4\n" in page
    assert "IoU = I / (T + P - I)" in page


def test_what_was_tuned_is_told_as_a_known_method_says_it_now() -> None:
    cells = (
        *(a_cell("improved", seed=seed, tuning=old) for seed, old in enumerate(("old", "older"))),
        a_cell("smp-unet", tuning="step size | no more"),
        a_cell("smp-unet", seed=1, tuning="nothing"),
    )
    told = [line for line in markdown(cells, GUARD).splitlines() if line.startswith("- tuned")]

    assert told == [
        f"- tuned for Improved: {IMPROVED.tuning}",
        "- tuned for Smp-unet: step size \\| no more",
        "- tuned for Smp-unet: nothing",
    ]


def test_budgets_that_differ_are_told_of_each_method() -> None:
    cells = (a_cell(budget="one"), a_cell(seed=1, budget="one"), a_cell("b", budget="two"))
    page = markdown(cells, GUARD)

    assert "- budget of a cell of Decouplednet: one\n- budget of a cell of B: two\n" in page


def test_budgets_that_differ_within_a_method_are_told_with_their_masks_and_seeds() -> None:
    cells = (
        *(a_cell(masks=25, seed=seed, budget="10 minutes of training") for seed in (4, 2)),
        a_cell(masks=5, seed=2, budget="10 minutes of training"),
        a_cell(masks=5, seed=0, budget="243 updates"),
        a_cell("maps", masks=0, budget="one"),
        a_cell("maps", masks=0, seed=1, budget="two"),
        a_cell("b", budget="two"),
    )
    page = markdown(cells, GUARD)

    for line in (
        "Decouplednet (5 masks a class, seed 2; 25 masks a class, seeds 2, 4): 10 minutes of ",
        "Decouplednet (5 masks a class, seed 0): 243 updates\n",
        "Maps (no masks, seed 0): one\n",
        "Maps (no masks, seed 1): two\n",
        "B: two\n",
    ):
        assert f"- budget of a cell of {line}" in page


def test_minutes_are_left_out_where_cells_of_a_row_counted_updates() -> None:
    timed, counted = "10 minutes of training", "239 updates of 64 images from tags"
    of_row = {5: (timed, "2 minutes of training"), 10: (timed, counted), 25: (counted, counted)}
    cells = [
        a_cell(seed=seed, masks=masks, budget=budget)
        for masks, budgets in of_row.items()
        for seed, budget in enumerate(budgets)
    ]
    said = (
        "- no minutes are averaged where cells of a row counted updates: they may have shared the "
        "machine with other work\n"
    )

    columns = [line.split(" | ")[5] for line in score_table(cells)[2:]]
    assert columns == ["2.5", "-", "-"]
    lines = csv.DictReader(io.StringIO(sheet(cells)))
    assert [line["minutes"] for line in lines] == ["2.5", "", ""]
    assert said in markdown(cells, GUARD)
    assert said in markdown(cells[-1:], GUARD)
    assert said not in markdown(cells[:2], GUARD)


def test_the_page_says_that_updates_are_not_worth_the_same_after_the_budget() -> None:
    page = markdown(CELLS, GUARD, uneven="not worth | the same")

    assert "- budget of a cell: 3 minutes\n- not worth \\| the same\n" in page


def test_the_note_on_rest_says_what_it_does_not_show() -> None:
    said = (
        "at most 2 % of that over its first; the step size falls to zero, which brings a loss to "
        "rest, so rest does not show that more time would give nothing\n"
    )
    assert said in markdown(CELLS, GUARD)


def test_the_sheet_holds_the_same_numbers_for_computing() -> None:
    first, second = csv.DictReader(io.StringIO(sheet(CELLS)))

    assert (first["method"], first["masks"], first["seeds"]) == ("decouplednet", "5", "2")
    assert (first["miou_mean"], first["miou_deviation"]) == ("0.5500", "0.0707")
    assert (first["miou_true_tags_mean"], first["minutes"]) == ("0.7500", "2.5")
    assert (first["parameters"], first["trained_parameters"]) == ("3000000", "1250000")
    assert (first["iou_disc_mean"], first["iou_true_tags_disc_mean"]) == ("0.5500", "0.7500")
    assert (first["curves_not_at_rest"], second["curves_not_at_rest"]) == ("1", "0")
    assert (second["miou_deviation"], second["miou_true_tags_mean"]) == ("", "")
    assert second["title"] == "a | b"


def test_a_method_without_masks_and_a_class_that_never_occurs_have_their_places() -> None:
    cell = a_cell("maps", 0, predicted_tags=scores_of(0.4, {"background": 0.8, "disc": None}))
    page = markdown([cell], watch([frozenset()], ("disc",), [cell]))

    assert "| 0 | Maps | 0.80 (1) | - |\n" in page
    assert "| 0 | Maps | 0.400 (1) | - | 0.750 (1) | 2.5 | 120 | 1.25 M / 3.00 M | yes |\n" in page


def test_cells_of_other_code_are_told_apart() -> None:
    one, other, unknown = (
        a_cell(seed=seed, where=a_cell().where.model_copy(update={"commit": commit}))
        for seed, commit in enumerate(("a1b2", "c3d4", None))
    )

    page = markdown([one, other, one, unknown], GUARD)
    assert "- not all cells come from the same code: a1b2; c3d4\n" in page
    told = "- of a commit that is not known: Decouplednet, 5 masks a class, seed 2\n"
    assert told in page
    assert told in markdown([one, unknown], GUARD)
    assert "not known" not in markdown([one, other], GUARD)
    assert "same code" not in markdown([one, one], GUARD)


def test_cells_of_unknown_code_alone_are_told() -> None:
    page = markdown([a_cell(seed=0), a_cell(seed=1)], GUARD)

    assert "- the code is not known: no cell names its commit\n" in page
    assert "same code" not in page


def test_features_of_the_shared_cache_are_told_apart() -> None:
    cells = [a_cell(seed=0, feature_minutes=3.8), a_cell(seed=1)]

    assert "cache, which took up to 3.8 minutes" in markdown(cells, GUARD)
