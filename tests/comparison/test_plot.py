import io
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from decouplednet.comparison import plot
from decouplednet.comparison.cell import CellResult, StageCurve
from decouplednet.comparison.plot import COLOURS, MARKERS, convergence_picture, scores_picture
from tests.comparison.fakes import a_cell, falling, scores_of

Picture = Callable[[Sequence[CellResult]], bytes]


def drawn(picture: Picture, cells: Sequence[CellResult], monkeypatch: pytest.MonkeyPatch) -> Figure:
    """Return the figure behind a picture."""
    figures: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        figure.draw_without_rendering()
        figures.append(figure)
        return b""

    with monkeypatch.context() as patch:
        patch.setattr(plot, "_png", keep)
        picture(cells)
    return figures[0]


def ups(line: Line2D) -> list[float]:
    """Return the heights of the points of a line."""
    return [float(up) for up in np.asarray(line.get_ydata())]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2 of ``#rrggbb``."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_pictures_are_png_files_that_can_be_opened() -> None:
    for content in (scores_picture([a_cell()]), convergence_picture([a_cell()])):
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            assert image.format == "PNG"
            assert min(image.size) > 200


def test_lines_are_means_over_seeds_and_bands_reach_from_the_lowest_to_the_highest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [
        a_cell("ours", masks, seed, miou)
        for masks, scores in ((5, (0.3, 0.4, 0.8)), (25, (0.6, 0.7)))
        for seed, miou in enumerate(scores)
    ]
    figure = drawn(scores_picture, cells, monkeypatch)
    (axes,) = figure.axes
    (line,) = axes.lines
    (band,) = axes.collections
    assert isinstance(band, PolyCollection)
    edge = np.asarray(band.get_paths()[0].vertices, np.float64)
    corners = {tuple(corner) for corner in edge.round(6).tolist()}

    assert corners == {(5, 0.3), (5, 0.8), (25, 0.6), (25, 0.7)}
    assert 0 < (band.get_alpha() or 0) < 0.5, "lines of other methods are seen through it"
    assert figure.get_supxlabel() == (
        "masks a class; bands and bars: from the lowest to the highest seed; hollow: a single seed"
    )
    assert np.asarray(line.get_xdata()).tolist() == [5, 25]
    assert ups(line) == pytest.approx([0.5, 0.65])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["5", "25"]


def test_a_method_with_a_single_number_of_masks_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [a_cell("ours", 25, seed, miou) for seed, miou in enumerate((0.3, 0.4, 0.8))]
    (axes,) = drawn(scores_picture, cells, monkeypatch).axes
    (bar,) = axes.collections

    assert isinstance(bar, LineCollection)
    assert bar.get_segments()[0].tolist() == [[25, 0.3], [25, 0.8]]


def test_no_band_reaches_a_point_of_one_seed_which_is_hollow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = {2: (0.2,), 5: (0.3, 0.4), 10: (0.5,), 25: (0.6, 0.7, 0.8), 50: (0.7, 0.9)}
    cells = [
        a_cell("ours", masks, seed, miou)
        for masks, values in scores.items()
        for seed, miou in enumerate(values)
    ]
    (axes,) = drawn(scores_picture, cells, monkeypatch).axes
    line, hollow = axes.lines
    bar, band = axes.collections
    edge = np.asarray(band.get_paths()[0].vertices, np.float64).round(6)

    assert isinstance(band, PolyCollection)
    assert set(map(tuple, edge.tolist())) == {(25, 0.6), (25, 0.8), (50, 0.7), (50, 0.9)}
    assert isinstance(bar, LineCollection)
    assert [each.tolist() for each in bar.get_segments()] == [[[5, 0.3], [5, 0.4]]]
    assert ups(line) == pytest.approx([0.2, 0.35, 0.5, 0.7, 0.8])
    assert (np.asarray(hollow.get_xdata()).tolist(), ups(hollow)) == ([2, 10], [0.2, 0.5])
    assert (hollow.get_markerfacecolor(), hollow.get_linestyle()) == ("white", "None")
    assert (hollow.get_color(), hollow.get_marker()) == (line.get_color(), line.get_marker())
    assert line.get_markerfacecolor() == line.get_color()
    assert len(axes.get_legend_handles_labels()[1]) == 1


def test_scores_with_true_tags_have_a_panel_where_a_method_can_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [a_cell("ours", true_tags=scores_of(0.9)), a_cell("other", miou=0.2)]
    left, right = drawn(scores_picture, cells, monkeypatch).axes

    assert (left.get_title("left"), right.get_title("left")) == ("predicted tags", "true tags")
    assert left.get_legend_handles_labels()[1] == ["Other", "Ours"]
    assert [ups(line) for line in left.lines] == [[0.2], [0.2], [0.5], [0.5]]  # each and its mark
    assert [ups(line) for line in right.lines] == [[], [0.9], [0.9]]


def test_a_method_without_masks_is_a_level_line(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [a_cell("maps", 0, 0, 0.3), a_cell("maps", 0, 1, 0.5), a_cell("ours", 5, 0, 0.6)]
    (axes,) = drawn(scores_picture, cells, monkeypatch).axes

    assert ups(axes.lines[0]) == [0.4, 0.4]
    assert axes.lines[0].get_linestyle() == "--"
    assert scores_picture(cells[:1]), "no tick is needed where nothing learns from masks"


def test_every_stage_of_every_method_has_its_panel_with_a_line_for_each_cell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = (
        StageCurve.of("classifier", falling(160)),
        StageCurve.of("segmenter", np.linspace(1, 0, 150)),
    )
    cells = [
        a_cell("ours", 5, 0, curves=two),
        a_cell("ours", 25, 0, curves=two),
        a_cell("other", 5, 0, title="costs $5 or $6"),
    ]
    other, first, second, *empty = drawn(convergence_picture, cells, monkeypatch).axes

    assert first.get_title("left") == "Ours:\nstage 1, tags, 2 of 2 at rest"
    assert second.get_title("left") == "Ours:\nstage 2, masks, 0 of 2 at rest"
    assert other.get_title("left") == "costs \\$5 or \\$6:\nstage 2, masks, 1 of 1 at rest"
    assert empty == []
    assert len([line for line in first.lines if ups(line)]) == 2
    assert tuple(ups(second.lines[0])) == two[1].loss
    assert first.lines[0].get_color() != first.lines[1].get_color()


def test_panels_of_losses_fill_rows_and_leave_no_empty_axes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = [a_cell(name) for name in ("a", "b", "c", "d")]
    every = drawn(convergence_picture, cells, monkeypatch).axes

    assert [axes.axison for axes in every] == [True] * 4 + [False] * 2
    assert [axes.get_title("left")[0] for axes in every[:4]] == ["A", "B", "C", "D"]


def test_colours_can_be_seen_on_white_and_come_with_as_many_marks() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == len(set(MARKERS))
    for colour in COLOURS:
        assert 1.05 / (luminance(colour) + 0.05) >= 3, colour
