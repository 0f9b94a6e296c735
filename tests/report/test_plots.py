import base64
import re
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from decouplednet.report.plots import Line, chart
from decouplednet.report.theme import DARK, LIGHT


def drawing(address: str) -> str:
    start, _, content = address.partition(",")
    assert start == "data:image/svg+xml;base64"
    text = base64.b64decode(content).decode()
    ElementTree.fromstring(text)  # noqa: S314 - our own picture
    return text


def a_line(points: int = 40) -> Line:
    return Line(np.arange(1, points + 1), np.linspace(2, 1, points))


def test_a_chart_comes_in_the_colours_of_both_themes() -> None:
    got = chart([a_line(), replace(a_line(), style=2)], across="update", up="loss")

    for theme, address in ((LIGHT, got.light), (DARK, got.dark)):
        text = drawing(address)
        assert theme.ink in text
        assert theme.grid in text
        assert theme.lines[0] in text
        assert theme.lines[1] not in text
        assert theme.lines[2] in text
        assert "stroke-dasharray" in text  # the second line is told apart without colour


def test_the_axes_are_named() -> None:
    text = drawing(chart([a_line()], across="update", up="loss").light)

    # Words are drawn as outlines; matplotlib keeps them beside these as comments.
    assert "<!-- update -->" in text
    assert "<!-- loss -->" in text


def test_the_values_before_smoothing_are_drawn_faintly() -> None:
    line = Line(np.arange(3), np.ones(3), faint=np.array([0.5, 1.5, 1.0]))

    assert "opacity: 0.35" in drawing(chart([line], across="x", up="y").light)
    assert "opacity: 0.35" not in drawing(chart([a_line()], across="x", up="y").light)


def test_the_vertical_axis_starts_at_zero() -> None:
    text = drawing(chart([Line(np.arange(3), np.array([5.0, 6.0, 7.0]))], across="x", up="y").light)

    assert "<!-- 0 -->" in text


def test_small_values_stand_in_full_at_their_ticks() -> None:
    text = drawing(chart([Line(np.arange(3), np.full(3, 5e-5))], across="x", up="y").light)

    assert "<!-- 5e-05 -->" in text
    assert "<!-- 1e−5 -->" not in text  # noqa: RUF001 - matplotlib's minus sign


def test_a_line_that_hardly_falls_lies_wholly_below_the_upper_edge() -> None:
    text = drawing(
        chart([Line(np.arange(40), np.linspace(0.7, 0.69, 40))], across="x", up="y").light
    )

    (edge,) = re.findall(r'<clipPath.*?<rect x="[\d.]+" y="([\d.]+)"', text, re.DOTALL)
    (path,) = re.findall(rf'<path d="([^"]+)"[^>]*stroke: {LIGHT.lines[0]}', text)
    highest = min(float(y) for _, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path))
    assert highest > float(edge) + 2  # points; the line is 2 thick


def test_missing_values_are_left_out_and_long_curves_thinned() -> None:
    up = np.full(40_000, np.nan)
    up[[10, 39_999]] = 0.5
    few = drawing(chart([Line(np.arange(40_000), up)], across="x", up="y").light)
    many = drawing(chart([a_line(40_000)], across="x", up="y").light)

    assert len(few) < 60_000
    assert len(many) < 60_000


def test_drawing_leaves_the_callers_plots_alone() -> None:
    before = dict(mpl.rcParams)
    chart([a_line()], across="x", up="y")

    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
