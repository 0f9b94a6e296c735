import numpy as np
from numpy.typing import NDArray

from decouplednet.report.curve_charts import Rest, stage_charts
from decouplednet.report.curves import Curve, LateLoss
from tests.report.test_plots import drawing


def a_curve(stage: str, loss: NDArray[np.float64], held_out: float = np.nan) -> Curve:
    update = np.arange(1, len(loss) + 1)
    held = np.full(len(loss), np.nan)
    held[-1] = held_out
    return Curve(stage, update, loss, np.linspace(1e-3, 0, len(loss)), held)


FALLING = np.linspace(2.0, 1.0, 40)


def test_each_stage_has_its_loss_and_learning_rate() -> None:
    classifier, segmenter = stage_charts(
        {"this run": [a_curve("classifier", FALLING), a_curve("segmenter", FALLING[:10], 0.25)]}
    )

    assert (classifier.title, segmenter.title) == ("stage 1, tags", "stage 2, masks")
    assert [each.caption[:8] for each in classifier.charts] == ["Loss of ", "Learning"]
    assert [each.caption[:8] for each in segmenter.charts] == ["Loss of ", "Learning", "IoU of t"]
    assert "opacity: 0.35" in drawing(classifier.charts[0].chart.light)  # the loss of each update
    assert classifier.charts[0].alt == (
        "Loss of stage 1, tags. this run: 2 at update 1, between 1.01 and 2, 1.01 at update 40."
    )
    assert classifier.charts[1].alt == (
        "Learning rate of stage 1, tags. this run: 0.001 at update 1, between 0 and 0.001, "
        "0 at update 40."
    )
    assert segmenter.charts[2].alt == (
        "IoU on held-out masks in stage 2, masks. this run: 0.25 at update 10, between 0.25 and "
        "0.25, 0.25 at update 10."
    )


def test_a_running_mean_is_spoken_of_only_where_there_is_one() -> None:
    (long,) = stage_charts({"a": [a_curve("long", FALLING)]})
    (short,) = stage_charts({"a": [a_curve("short", FALLING[:9])]})

    assert long.charts[0].caption == (
        "Loss of every update (faint) and its running mean over 4 % of the updates (strong)"
    )
    assert short.charts[0].caption == "Loss of every update"
    assert "opacity: 0.35" not in drawing(short.charts[0].chart.light)


def test_it_is_said_how_a_stage_ended() -> None:
    long, short = stage_charts({"a": [a_curve("long", FALLING), a_curve("short", FALLING[:9])]})

    late = LateLoss(
        *(float(FALLING[part].mean()) for part in (slice(4), slice(32, 36), slice(36, 40)))
    )
    assert long.rests == (Rest("a", 0, 40, late),)
    assert short.rests == (Rest("a", 0, 9, None),)


def test_runs_share_a_chart_and_keep_their_style() -> None:
    stages = stage_charts(
        {
            "this run": [a_curve("classifier", FALLING), a_curve("segmenter", FALLING)],
            "masks only": [a_curve("segmenter", FALLING / 2), a_curve("pixels", FALLING)],
        }
    )

    assert [stage.title for stage in stages] == ["stage 1, tags", "stage 2, masks", "stage pixels"]
    assert [[rest.run for rest in stage.rests] for stage in stages] == [
        ["this run"],
        ["this run", "masks only"],
        ["masks only"],
    ]
    assert [rest.style for rest in (*stages[1].rests, *stages[2].rests)] == [0, 1, 1]
    assert "; masks only: 1 at update 1" in stages[1].charts[0].alt
    assert "stroke-dasharray" in drawing(stages[2].charts[0].chart.light)
