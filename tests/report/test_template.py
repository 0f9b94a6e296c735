"""How the page writes numbers, and what its template asks for."""

import pytest
from jinja2 import UndefinedError

from decouplednet.classes import colour_of
from decouplednet.report.template import colour, duration, ink, percent, render, score


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.5, 3, "0.500"), (1, 1, "1.0"), (0, 2, "0.00"), (None, 2, "n/a")],
)
def test_a_score_has_the_digits_asked_for(value: float | None, digits: int, text: str) -> None:
    assert score(value, digits) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (1, 0, "100 %"),
        (0.0049, 0, "< 1 %"),
        (0.0051, 0, "1 %"),
        (0.0004, 1, "< 0.1 %"),
        (0.0006, 1, "0.1 %"),
        (0, 1, "0.0 %"),
    ],
)
def test_a_share_above_zero_never_reads_as_none(share: float, digits: int, text: str) -> None:
    assert percent(share, digits) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (60, "1 min 0 s"),
        (119.7, "2 min 0 s"),
        (3599.6, "1 h 0 min"),
        (86400, "24 h 0 min"),
    ],
)
def test_a_time_is_rounded_before_it_is_split(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("index", [0, 1, 5, 20, 255])
def test_a_number_on_a_colour_is_the_ink_of_more_contrast(index: int) -> None:
    def luminance(rgb: tuple[int, ...]) -> float:
        # Web Content Accessibility Guidelines 2.2, relative luminance.
        parts = [c / 255 for c in rgb]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    of_colour = luminance(colour_of(index))
    on_black, on_white = (of_colour + 0.05) / 0.05, 1.05 / (of_colour + 0.05)

    assert ink(index) == ("#000000" if on_black > on_white else "#ffffff")
    assert bytes.fromhex(colour(index)[1:]) == bytes(colour_of(index))


def test_a_name_that_the_template_misses_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="is undefined"):
        render({})
