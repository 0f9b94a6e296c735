"""The colours of charts, once for a light page and once for a dark one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as ``#rrggbb``.

    Args:
        ink: text and axes; at least 7 to 1 against the page.
        grid: lines behind the curves.
        lines: one colour for each curve of a chart, used with ``DASHES`` in the same order; each
            at least 3 to 1 against the page.
    """

    ink: str
    grid: str
    lines: tuple[str, ...]


# Okabe and Ito's colours (see classes.py), those with enough contrast on each page. Their
# blue-and-orange start stays apart under every common colour blindness.
LIGHT = Theme("#1c1d22", "#d4d6dc", ("#0072b2", "#c25400", "#007a59", "#9b4f80"))
DARK = Theme("#e8e9ee", "#43464f", ("#56b4e9", "#f0a020", "#22b38a", "#d98ab8"))

# Curves of one chart differ by dash as well as by colour: lengths of line and gap in line widths.
DASHES = ((), (4.0, 1.5), (1.0, 1.2), (5.0, 1.2, 1.0, 1.2))
