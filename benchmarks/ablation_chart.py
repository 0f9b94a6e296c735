"""The picture of an ablation: what each row gains over the recipe, seed by seed."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from decouplednet.report.theme import LIGHT

Gain = tuple[float | None, float | None]
"""Mean IoU over the recipe's with the same seed: predicted tags, true tags."""
TITLES = ("predicted tags", "true tags")
_DOTS_PER_INCH = 150
_PANEL = 3.6  # inches across, of a panel
_ROW = 0.3  # inches down, of a row
_BAR = 0.45  # of a row
_TICKS = 5  # at most, beside the first
_NAMES = 3.2  # inches, for the names of the rows


def gains_picture(gains: Mapping[str, Sequence[Gain]]) -> bytes:
    """Return ``gains_figure`` as a PNG.

    Args:
        gains: of each row, one for each seed; at least one row.
    """
    content = io.BytesIO()
    gains_figure(gains).savefig(content, format="png", dpi=_DOTS_PER_INCH)
    return content.getvalue()


def gains_figure(gains: Mapping[str, Sequence[Gain]]) -> Figure:
    """Return a panel for each kind of tags, in it a line for each row, the first at the top.

    A dot is what a seed gains, a bar reaches from 0 to their mean; rows that lose have another
    colour. What is None is left out.

    Args:
        gains: of each row, one for each seed; at least one row.
    """
    size = (_PANEL * len(TITLES) + _NAMES, _ROW * len(gains) + 1.0)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(TITLES), sharex=True, sharey=True, squeeze=False)[0]
    for place, (axes, title) in enumerate(zip(panels, TITLES, strict=True)):
        for height, of_row in enumerate(gains.values()):
            _draw_row(axes, height, [gain for pair in of_row if (gain := pair[place]) is not None])
        axes.axvline(0, color=LIGHT.ink, linewidth=0.8)
        axes.set_title(title, fontsize=10, color=LIGHT.ink)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    names = [name.replace("$", r"\$") for name in gains]
    panels[0].set_yticks(range(len(names)), names, fontsize=9)
    panels[0].invert_yaxis()
    panels[0].xaxis.set_major_locator(MaxNLocator(_TICKS))
    figure.supxlabel("mean IoU over the recipe's with the same seed", fontsize=10)
    return figure


def _draw_row(axes: Axes, height: int, gains: Sequence[float]) -> None:
    if gains:
        mean = sum(gains) / len(gains)
        colour = LIGHT.lines[0 if mean >= 0 else 1]
        axes.barh(height, mean, height=_BAR, color=colour, alpha=0.35)
        axes.plot(gains, [height] * len(gains), "o", color=colour, markersize=4)
