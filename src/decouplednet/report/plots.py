"""Charts of curves as vector pictures, each in the colours of both themes.

Figures are built from ``matplotlib.figure.Figure``: no window system, no state shared with the
caller's own plots. Charts hold no words of the user, whose script the plot's font may lack: names
stand in the page's legend.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from decouplednet.report.theme import DARK, DASHES, LIGHT, Theme

MOST_LINES = len(DASHES)
# More points than this cannot be told apart on a page and make it heavy.
_MOST_POINTS = 600
# Share of the highest value; the line is 2 points thick, the chart 167 points high.
_ROOM_ABOVE = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One curve of a chart.

    Args:
        across: (U,) position of each point, such as the number of the update.
        up: (U,) value of each point; NaN where there is none.
        faint: (U,) or None, drawn thinly behind: the values before they were smoothed.
        style: place of its colour and dash, below ``MOST_LINES``.
    """

    across: NDArray[np.floating] | NDArray[np.integer]
    up: NDArray[np.floating]
    faint: NDArray[np.floating] | None = None
    style: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture in two themes, each a ``data:`` address."""

    light: str
    dark: str


def chart(lines: Sequence[Line], *, across: str, up: str) -> Chart:
    """Return curves over one axis; the vertical axis starts at zero.

    Args:
        lines: at least one.
        across: what the horizontal axis counts.
        up: what the vertical axis measures.
    """

    def picture(theme: Theme) -> str:
        figure = Figure(figsize=(4.4, 2.9), facecolor="none")
        # Fixed edges leave room for labels such as 0.00175, and are drawn in half the time.
        axes = figure.add_axes((0.2, 0.17, 0.78, 0.8))
        _dress(axes, theme, across=across, up=up)
        for line in lines:
            _draw(axes, line, theme.lines[line.style], DASHES[line.style])
        _scale(axes)
        return _address(figure)

    return Chart(light=picture(LIGHT), dark=picture(DARK))


def _dress(axes: Axes, theme: Theme, *, across: str, up: str) -> None:
    axes.set_facecolor("none")
    axes.set_xlabel(across, color=theme.ink, fontsize=11)
    axes.set_ylabel(up, color=theme.ink, fontsize=11)
    axes.tick_params(colors=theme.ink, labelsize=10, which="both")
    axes.grid(visible=True, color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.ink)


def _scale(axes: Axes) -> None:
    """Let the vertical axis start at zero and end above the lines, its ticks written in full."""
    highest = float(axes.dataLim.y1)
    axes.set_ylim(0, (1 + _ROOM_ABOVE) * highest if highest > 0 else None)
    # matplotlib's own would set a factor such as 1e-5 above the axis, outside the picture.
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _draw(axes: Axes, line: Line, colour: str, dash: tuple[float, ...]) -> None:
    if line.faint is not None:
        across, faint = _thin(line.across, line.faint)
        axes.plot(across, faint, color=colour, linewidth=0.7, alpha=0.35)
    measured = ~np.isnan(line.up)
    across, up = _thin(line.across[measured], line.up[measured])
    style = "solid" if not dash else (0, dash)
    mark = "o" if len(up) < 30 else ""  # a curve of one point would not be seen otherwise
    axes.plot(across, up, color=colour, linewidth=2.0, linestyle=style, marker=mark, markersize=4)


def _thin(
    across: NDArray[np.floating] | NDArray[np.integer], up: NDArray[np.floating]
) -> tuple[NDArray[np.floating] | NDArray[np.integer], NDArray[np.floating]]:
    """Return every n-th point, counted from the last, so that the end of the curve stays."""
    step = -(-len(up) // _MOST_POINTS) or 1
    return across[::-1][::step], up[::-1][::step]


def _address(figure: Figure) -> str:
    buffer = io.BytesIO()
    # Without a date, so that the same run gives the same page as far as matplotlib allows.
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
