"""Which colour of an overlay is which class, as a picture."""

from html import escape

from decouplednet.classes import ClassList, colour_of

LEGEND = "legend.svg"
_ROW, _WIDTH = 28, 420


def legend(classes: ClassList) -> bytes:
    """Return an SVG picture with the colour, the index and the name of every class.

    SVG, because a browser has letters for every script, and because no result is one: no image of
    any name can meet it.
    """
    rows = "\n".join(_row(index, name) for index, name in enumerate(classes, start=1))
    height = _ROW * len(classes) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="16">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{rows}\n</svg>\n'
    ).encode()


def _row(index: int, name: str) -> str:
    top = _ROW * (index - 1) + 8
    colour = "#{:02x}{:02x}{:02x}".format(*colour_of(index))
    return (
        f'<rect x="8" y="{top}" width="32" height="20" fill="{colour}"/>'
        f'<text x="50" y="{top + 15}">{index} {escape(name)}</text>'
    )
