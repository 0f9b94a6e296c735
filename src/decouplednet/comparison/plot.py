"""The two pictures of a comparison: scores over masks, and every loss until its end.

Figures are built from ``matplotlib.figure.Figure``, as the report's: no window system, no state
shared with the caller's own plots.
"""

import io
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from decouplednet.comparison.cell import CellResult
from decouplednet.comparison.rows import Row, Spread, rows_of
from decouplednet.counts import count
from decouplednet.report.curve_charts import stage_title
from decouplednet.report.theme import LIGHT

COLOURS = (*LIGHT.lines, "#7a6a00", "#b3263b", "#5b4bb7", "#55585f")
MARKERS = "osD^vPX*"
ASIDE = 1.03  # from one method to the next beside it
CAPTION = (
    "masks a class; bands and bars: from the lowest to the highest seed; hollow: a single seed"
)
_BAND = 0.18  # opacity
_DOTS_PER_INCH = 150
_PANEL = (4.4, 3.8)  # inches, of a panel of scores
_SMALL = (3.6, 2.2)  # inches, of a panel of losses
_ACROSS = 3  # panels of losses
_LEGEND = 2.9  # inches beside the panels

Score = Callable[[Row], Spread | None]


def scores_picture(cells: Sequence[CellResult]) -> bytes:
    """Return a PNG of mean IoU over masks a class, a line for each method.

    Where neighbouring points of a line have several seeds each, a band reaches from the lowest to
    the highest; a point of several whose neighbours have one has a bar, and a point of one seed is
    hollow, for its spread is not known. Methods stand side by side at a number of masks, so that
    none hides another. A method without masks is a level line. The second panel, scores with true
    tags, is left out where no method can be told.

    Args:
        cells: at least one.
    """
    rows = rows_of(cells)
    panels: list[tuple[str, Score]] = [("predicted tags", lambda row: row.predicted_tags)]
    if any(row.true_tags for row in rows):
        panels.append(("true tags", lambda row: row.true_tags))
    figure = Figure(figsize=(_PANEL[0] * len(panels) + _LEGEND, _PANEL[1]), layout="constrained")
    every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, score) in zip(every, panels, strict=True):
        _dress(axes, title)
        methods = _methods(rows)
        for style, method in enumerate(methods):
            aside = ASIDE ** (style - (len(methods) - 1) / 2)
            of_method = [row for row in rows if row.method == method]
            _draw_method(axes, of_method, score, style, aside)
        _scale_masks(axes, sorted({row.masks for row in rows} - {0}))
    every[0].set_ylabel("mean IoU", color=LIGHT.ink)
    figure.supxlabel(CAPTION, fontsize=10)
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=9)
    return _png(figure)


def convergence_picture(cells: Sequence[CellResult]) -> bytes:
    """Return a PNG of the losses, a panel for each stage of each method.

    Every cell is a line, its running mean, coloured and dashed by its number of masks.

    Args:
        cells: at least one.
    """
    stages = [
        (method, place)
        for method in _methods(rows_of(cells))
        for place in range(max(len(cell.curves) for cell in cells if cell.method == method))
    ]
    down = -(-len(stages) // _ACROSS)
    size = (_SMALL[0] * min(_ACROSS, len(stages)), _SMALL[1] * down + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(down, min(_ACROSS, len(stages)), squeeze=False).ravel()
    budgets = sorted({cell.masks for cell in cells})
    for axes, (method, place) in zip(panels, stages, strict=False):
        of_stage = [c for c in cells if c.method == method and place < len(c.curves)]
        _draw_losses(axes, of_stage, place, budgets)
    for axes in panels[len(stages) :]:
        axes.set_axis_off()
    figure.supxlabel("update", fontsize=10)
    figure.supylabel("loss", fontsize=10)
    lines = [
        panels[0].plot([], [], color=_colour(style), label=_budget(masks), linestyle=_dash(style))[
            0
        ]
        for style, masks in enumerate(budgets)
    ]
    figure.legend(handles=lines, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    return _png(figure)


def _methods(rows: Sequence[Row]) -> list[str]:
    return sorted({row.method for row in rows})


def _draw_method(axes: Axes, rows: Sequence[Row], score: Score, style: int, aside: float) -> None:
    """Draw the line of a method and its seeds, ``aside`` times as far right; else a level line."""
    title = rows[0].title.replace("$", r"\$")
    look: dict[str, Any] = {"color": _colour(style), "linewidth": 1.8, "label": title}
    points = [(row.masks, spread) for row in rows if (spread := score(row))]
    level = [spread for masks, spread in points if masks == 0]
    for spread in level:
        axes.axhline(spread.mean, linestyle="dashed", **look)
    learnt = [(masks, spread) for masks, spread in points if masks]
    if learnt or not level:
        masks = aside * np.array([masks for masks, _ in learnt], float)
        means = [spread.mean for _, spread in learnt]
        mark: dict[str, Any] = {"marker": MARKERS[style % len(MARKERS)], "markersize": 5}
        axes.plot(masks, means, **mark, **look)
        spreads = [spread for _, spread in learnt]
        single = [place for place, spread in enumerate(spreads) if len(spread.values) == 1]
        if single:
            hollow: dict[str, Any] = {
                "color": _colour(style),
                "markerfacecolor": "white",
                "linestyle": "none",
            }
            axes.plot(masks[single], np.array(means)[single], **mark, **hollow)
        _draw_seeds(axes, masks, spreads, _colour(style))


def _draw_seeds(
    axes: Axes, masks: NDArray[np.float64], spreads: Sequence[Spread], colour: str
) -> None:
    """Draw a band along each stretch of points with several seeds; a bar where it is one point.

    Args:
        axes: to draw on.
        masks: where the points of a method are, in their order.
        spreads: of its score, one a point.
        colour: of the method.
    """
    numbered = enumerate(spreads)
    for several, stretch in groupby(numbered, key=lambda point: len(point[1].values) > 1):
        if not several:
            continue
        places, its = zip(*stretch, strict=True)
        low = [min(spread.values) for spread in its]
        high = [max(spread.values) for spread in its]
        across = masks[list(places)]
        if len(places) > 1:
            axes.fill_between(across, low, high, color=colour, alpha=_BAND, linewidth=0)
        else:
            axes.vlines(across, low, high, color=colour, linewidth=1.4)


def _draw_losses(
    axes: Axes, cells: Sequence[CellResult], place: int, budgets: Sequence[int]
) -> None:
    """Draw the losses of one stage of all cells of a method."""
    curves = [cell.curves[place] for cell in cells]
    rested = sum(curve.verdict == "at rest" for curve in curves)
    stage = stage_title(curves[0].stage)
    title = f"{cells[0].title}:\n{stage}, {rested} of {len(curves)} at rest"
    _dress(axes, title.replace("$", r"\$"))
    for cell, curve in zip(cells, curves, strict=True):
        style = budgets.index(cell.masks)
        look: dict[str, Any] = {"color": _colour(style), "linestyle": _dash(style)}
        axes.plot(curve.update, curve.loss, linewidth=1.2, alpha=0.85, **look)
    axes.set_ylim(bottom=0)


def _scale_masks(axes: Axes, budgets: Sequence[int]) -> None:
    """Let equal steps across be equal ratios of masks, with a tick at each number compared."""
    if not budgets:
        axes.set_xticks([])
        return
    axes.set_xscale("log")
    axes.set_xticks(budgets, [str(masks) for masks in budgets])
    axes.minorticks_off()
    axes.set_xlim(budgets[0] / 1.3, budgets[-1] * 1.3)


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, color=LIGHT.ink, fontsize=9, loc="left")
    axes.tick_params(colors=LIGHT.ink, labelsize=8)
    axes.grid(visible=True, color=LIGHT.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(LIGHT.ink)


def _budget(masks: int) -> str:
    return f"{count(masks, 'mask')} a class" if masks else "no masks"


def _colour(style: int) -> str:
    return COLOURS[style % len(COLOURS)]


def _dash(style: int) -> str:
    return ("solid", "dashed", "dotted")[style % 3]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=_DOTS_PER_INCH, facecolor="white", metadata={"Software": None}
    )
    return buffer.getvalue()
