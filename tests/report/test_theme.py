import re
from pathlib import Path

import pytest

import decouplednet.report.theme as theme_file
from decouplednet.report.theme import DARK, DASHES, LIGHT, Theme

CSS = Path(theme_file.__file__).parent / "templates" / "report.css"


def luminance(colour: str) -> float:
    levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in levels]
    return sum(share * x for share, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def page_colour(name: str, place: int) -> str:
    """Return a colour of the style sheet: place 0 the light page, 1 the dark one."""
    found: list[str] = re.findall(rf"--{name}: (#[0-9a-f]{{6}});", CSS.read_text())
    return found[place]


@pytest.mark.parametrize(("theme", "place"), [(LIGHT, 0), (DARK, 1)])
def test_everything_stands_out_from_its_page(theme: Theme, place: int) -> None:
    for ground in (page_colour("page", place), page_colour("panel", place)):
        assert contrast(theme.ink, ground) >= 7
        assert contrast(page_colour("soft", place), ground) >= 4.5
        assert contrast(page_colour("link", place), ground) >= 4.5
        assert all(contrast(line, ground) >= 3 for line in theme.lines)


def test_every_line_has_a_dash_of_its_own() -> None:
    assert len(LIGHT.lines) == len(DARK.lines) == len(DASHES) == len(set(DASHES))
