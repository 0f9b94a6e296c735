"""Working through many images a few at a time."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

IMAGES_AT_ONCE = 8
"""Images that are read and predicted together: enough for speed, few enough for memory."""


def batched(items: Iterable[T], size: int = IMAGES_AT_ONCE) -> Iterator[list[T]]:
    """Yield the items in lists of ``size``; the last may be shorter.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
