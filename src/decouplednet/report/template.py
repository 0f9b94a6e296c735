"""The template of a page and how it writes numbers."""

from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from decouplednet.classes import colour_of
from decouplednet.report.pictures import reads_black
from decouplednet.report.theme import DARK, DASHES, LIGHT

NOTHING = "n/a"
PACKAGE = "decouplednet.report"


def render(values: Mapping[str, Any], *, package: str = PACKAGE) -> str:
    """Return a page of sections.

    Args:
        values: the names that ``templates/page.html`` and the sections use; a missing one is an
            error.
        package: whose ``templates/parts`` hold the sections; what else they include is found in
            this package.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(PACKAGE)]),
        # Names of classes and files come from strangers.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "score": score,
        "percent": percent,
        "duration": duration,
        "colour": colour,
        "ink": ink,
    }
    theme = {"light": LIGHT, "dark": DARK, "dashes": DASHES}
    return environment.get_template("page.html").render(**values, **theme)


def score(value: float | None, digits: int = 3) -> str:
    """Return a score for a table cell.

    >>> score(0.58764), score(None)
    ('0.588', 'n/a')
    """
    return NOTHING if value is None else f"{value:.{digits}f}"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share for a table cell; a share above zero never reads as none.

    >>> percent(0.254), percent(0.001), percent(0), percent(None)
    ('25 %', '< 1 %', '0 %', 'n/a')
    """
    if share is None:
        return NOTHING
    least = 10.0**-digits
    if 0 < 100 * share < least / 2:
        return f"< {least:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """Return a time in the two largest units that it has.

    >>> duration(7.24), duration(125), duration(7400)
    ('7.2 s', '2 min 5 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def colour(index: int) -> str:
    """Return the colour of a class index as CSS writes it.

    >>> colour(1)
    '#e69f00'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour_of(index))


def ink(index: int) -> str:
    """Return the colour that a number on the colour of a class index is read in."""
    return "#000000" if reads_black(colour_of(index)) else "#ffffff"
