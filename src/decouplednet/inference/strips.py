"""Strips of rows in which maps are brought to the size of a large image, so that few are held."""

from collections.abc import Iterator

PIXELS = 2**20
"""Most pixels of a strip, unless a single row has more: 4 MB for each float32 map in it."""


def strips(size: tuple[int, int], margin: int = 0, most: int = PIXELS) -> Iterator[range]:
    """Yield the rows of each strip of an image, from the top.

    Args:
        size: (H, W) of the image.
        margin: rows around a strip that are computed with it; a strip has at least twice as many,
            so that no row is computed more than twice on average.
        most: pixels of a strip, unless its margin asks for more.

    >>> list(strips((5, 10), most=25))
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    height, width = size
    step = max(1, most // width, 2 * margin)
    for first in range(0, height, step):
        yield range(first, min(first + step, height))


def widened(rows: range, margin: int, height: int) -> range:
    """Return rows with so many more on either side, as far as the image has them.

    >>> widened(range(4, 6), 3, 8)
    range(1, 8)
    """
    return range(max(0, rows.start - margin), min(height, rows.stop + margin))
