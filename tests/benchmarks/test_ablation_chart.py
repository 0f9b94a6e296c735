import io

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from benchmarks.ablation_chart import Gain, gains_figure, gains_picture
from decouplednet.report.theme import LIGHT

GAINS: dict[str, list[Gain]] = {
    "no flip": [(-0.04, 0.03), (0.01, None), (-0.03, 0.01)],
    "costs $1 and $2": [(0.0, None)],
    "two rounds": [(None, -0.02), (0.05, -0.01)],
}


def panels() -> list[Axes]:
    """Return the two panels, predicted tags first."""
    figure = gains_figure(GAINS)
    figure.draw_without_rendering()
    return list(figure.axes)


def dots(axes: Axes) -> dict[float, tuple[list[float], str]]:
    """Return the dots of each row with their colour, by the height of the row."""
    return {
        heights[0]: (np.asarray(line.get_xdata(), float).tolist(), to_hex(line.get_color()))
        for line in axes.lines
        if line.get_marker() == "o"
        for heights in [np.asarray(line.get_ydata(), float).tolist()]
        if len(set(heights)) == 1
    }


def bars(axes: Axes) -> dict[float, tuple[float, str]]:
    """Return where each bar, which begins at 0, ends, with its colour, by the row's height."""
    found = {}
    for bar in axes.patches:
        assert isinstance(bar, Rectangle)
        assert bar.get_x() == 0
        middle = bar.get_y() + bar.get_height() / 2
        found[round(middle, 6)] = (bar.get_width(), to_hex(bar.get_facecolor()))
    return found


def test_the_picture_is_a_png_file_that_can_be_opened() -> None:
    with Image.open(io.BytesIO(gains_picture(GAINS))) as image:
        image.load()
        assert image.format == "PNG"
        assert min(image.size) > 200


def test_a_dot_is_the_gain_of_a_seed_and_what_is_none_is_left_out() -> None:
    predicted, true = map(dots, panels())

    assert {row: gains for row, (gains, _) in predicted.items()} == {
        0: [-0.04, 0.01, -0.03],
        1: [0.0],
        2: [0.05],
    }
    assert {row: gains for row, (gains, _) in true.items()} == {0: [0.03, 0.01], 2: [-0.02, -0.01]}


def test_a_bar_reaches_from_zero_to_the_mean_of_the_dots() -> None:
    predicted, true = map(bars, panels())

    assert {row: end for row, (end, _) in predicted.items()} == pytest.approx(
        {0: -0.02, 1: 0.0, 2: 0.05}
    )
    assert {row: end for row, (end, _) in true.items()} == pytest.approx({0: 0.02, 2: -0.015})


def test_rows_that_lose_have_another_colour_than_those_that_do_not() -> None:
    gain, loss = LIGHT.lines[:2]

    predicted, true = panels()

    for axes, colours in ((predicted, {0: loss, 1: gain, 2: gain}), (true, {0: gain, 2: loss})):
        assert {row: colour for row, (_, colour) in dots(axes).items()} == colours
        assert {row: colour for row, (_, colour) in bars(axes).items()} == colours


def test_rows_are_named_from_the_top_as_they_are_written() -> None:
    predicted, true = panels()

    assert predicted.get_title() == "predicted tags"
    assert true.get_title() == "true tags"
    assert predicted.get_yticks().tolist() == [0, 1, 2]
    # A dollar without a stroke before it would begin a formula.
    assert [label.get_text() for label in predicted.get_yticklabels()] == [
        "no flip",
        r"costs \$1 and \$2",
        "two rounds",
    ]
    for axes in (predicted, true):
        bottom, top = axes.get_ylim()
        assert top < 0 < 2 < bottom


def test_both_panels_have_a_line_at_zero_and_the_same_scale() -> None:
    predicted, true = panels()

    for axes in (predicted, true):
        assert [0, 0] in [np.asarray(line.get_xdata()).tolist() for line in axes.lines]
    assert predicted.get_xlim() == true.get_xlim()
    assert predicted.figure.get_supxlabel() == "mean IoU over the recipe's with the same seed"
