"""The learning curves of one or more runs as charts with captions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.report.curves import Curve, LateLoss, late_loss, running_mean
from decouplednet.report.plots import Chart, Line, chart

# Losses of single updates jump; the mean over this share of all updates shows where they go.
_SMOOTHING = 0.04
# As the table that train shows before it starts.
_TITLES = {
    "classifier": "stage 1, tags",
    "segmenter": "stage 2, masks",
    "student": "stage 3, pseudo-masks",
}


def stage_title(stage: str) -> str:
    """Return what a stage is called where people read of it.

    >>> stage_title("classifier"), stage_title("segmenter-1"), stage_title("one_network")
    ('stage 1, tags', 'stage 2, masks, round 1', 'stage one network')
    """
    name, _, number = stage.partition("-")
    title = _TITLES.get(name, f"stage {name.replace('_', ' ')}")
    return f"{title}, round {number}" if number else title


@dataclass(frozen=True, slots=True)
class CaptionedChart:
    """A chart with what a reader who cannot see it needs.

    Args:
        chart: in both themes.
        caption: what is drawn.
        alt: what can be seen in it, with numbers.
    """

    chart: Chart
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class Rest:
    """How one run ended a stage.

    Args:
        run: its name.
        style: place of its colour and dash in the charts.
        updates: how many there were.
        late: its last losses; None where there were too few updates.
    """

    run: str
    style: int
    updates: int
    late: LateLoss | None


@dataclass(frozen=True, slots=True)
class StageCharts:
    """What is shown of one stage.

    Args:
        title: what it is called.
        charts: loss, step size, and IoU on held-out masks where it was measured.
        rests: one for each run that has this stage.
    """

    title: str
    charts: tuple[CaptionedChart, ...]
    rests: tuple[Rest, ...]


def stage_charts(runs: Mapping[str, Sequence[Curve]]) -> tuple[StageCharts, ...]:
    """Return the charts of every stage that any run has, in the order of the first appearance.

    Args:
        runs: curves by the name of the run, the page's own run first. A run keeps its colour and
            dash in all charts.
    """
    stages = dict.fromkeys(curve.stage for curves in runs.values() for curve in curves)
    styles = {run: style for style, run in enumerate(runs)}
    return tuple(
        _of_stage(
            stage,
            {
                (run, styles[run]): curve
                for run, curves in runs.items()
                for curve in curves
                if curve.stage == stage
            },
        )
        for stage in stages
    )


def _of_stage(stage: str, curves: Mapping[tuple[str, int], Curve]) -> StageCharts:
    title = stage_title(stage)
    charts = [_losses(title, curves), _learning_rates(title, curves)]
    measured = {
        key: curve for key, curve in curves.items() if not np.isnan(curve.held_out_iou).all()
    }
    if measured:
        charts.append(_held_out(title, measured))
    rests = tuple(
        Rest(run, style, len(curve.update), late_loss(curve.loss))
        for (run, style), curve in curves.items()
    )
    return StageCharts(title, tuple(charts), rests)


def _losses(title: str, curves: Mapping[tuple[str, int], Curve]) -> CaptionedChart:
    lines, seen = [], []
    for (run, style), curve in curves.items():
        width = max(1, round(_SMOOTHING * len(curve.loss)))
        mean = running_mean(curve.loss, width)
        faint = curve.loss if width > 1 else None
        lines.append(Line(curve.update, mean, style=style, faint=faint))
        seen.append(_course(run, mean, curve.update))
    smoothed = any(line.faint is not None for line in lines)
    return CaptionedChart(
        chart(lines, across="update", up="loss"),
        "Loss of every update"
        + (" (faint) and its running mean over 4 % of the updates (strong)" if smoothed else ""),
        f"Loss of {title}. {'; '.join(seen)}.",
    )


def _learning_rates(title: str, curves: Mapping[tuple[str, int], Curve]) -> CaptionedChart:
    lines, seen = [], []
    for (run, style), curve in curves.items():
        lines.append(Line(curve.update, curve.learning_rate, style=style))
        seen.append(_course(run, curve.learning_rate, curve.update))
    return CaptionedChart(
        chart(lines, across="update", up="learning rate"),
        "Learning rate",
        f"Learning rate of {title}. {'; '.join(seen)}.",
    )


def _held_out(title: str, curves: Mapping[tuple[str, int], Curve]) -> CaptionedChart:
    lines, seen = [], []
    for (run, style), curve in curves.items():
        there = ~np.isnan(curve.held_out_iou)
        lines.append(Line(curve.update[there], curve.held_out_iou[there], style=style))
        seen.append(_course(run, curve.held_out_iou[there], curve.update[there]))
    return CaptionedChart(
        chart(lines, across="update", up="IoU"),
        "IoU of the asked-for classes on the training masks that were held out",
        f"IoU on held-out masks in {title}. {'; '.join(seen)}.",
    )


def _course(run: str, values: NDArray[np.float64], update: NDArray[np.int64]) -> str:
    """Return a curve in words: first, extreme and last value."""
    return (
        f"{run}: {values[0]:.3g} at update {update[0]}, between {values.min():.3g} and "
        f"{values.max():.3g}, {values[-1]:.3g} at update {update[-1]}"
    )
