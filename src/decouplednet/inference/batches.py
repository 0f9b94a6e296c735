"""Working through many images a few at a time: the next are read, the last written meanwhile."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

IMAGES_AT_ONCE = 8
"""Images that are read and predicted together: enough for speed, few enough for memory."""

PIXELS_AT_ONCE = 2**25
"""Pixels from which no further image joins those that are predicted together: 100 MB of colours."""


def batched(
    items: Iterable[T],
    size: int = IMAGES_AT_ONCE,
    *,
    weigh: Callable[[T], int] | None = None,
    most: int = PIXELS_AT_ONCE,
) -> Iterator[list[T]]:
    """Yield the items in lists of ``size``; the last may be shorter.

    Args:
        items: taken no earlier than needed.
        size: of a list.
        weigh: returns what an item weighs; None: nothing.
        most: weight from which a list is full, however short it is.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    >>> list(batched([1, 1, 7, 2, 2], 3, weigh=int, most=5))
    [[1, 1, 7], [2, 2]]
    """
    batch, weight = list[T](), 0
    for item in items:
        batch.append(item)
        weight += weigh(item) if weigh else 0
        if len(batch) == size or weight >= most:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def ahead(items: Iterable[T], count: int = 1) -> Iterator[T]:
    """Yield items in their order, which another thread makes while the last one is worked on.

    What making them raises is raised where the item would have come.

    Args:
        items: only that thread takes them.
        count: how many items it may be ahead, at least 1.

    >>> list(ahead(number * number for number in range(4)))
    [0, 1, 4, 9]
    """
    iterator = iter(items)

    def take() -> list[T]:
        """Return the next item, in a list; an empty one at the end."""
        return list(islice(iterator, 1))

    with ThreadPoolExecutor(1, "ahead") as pool:
        pending = deque(pool.submit(take) for _ in range(count))
        while taken := pending.popleft().result():
            pending.append(pool.submit(take))
            yield from taken


def behind(
    items: Iterable[T],
    work: Callable[[T], None],
    *,
    weigh: Callable[[T], int],
    count: int = IMAGES_AT_ONCE,
    most: int = PIXELS_AT_ONCE,
) -> None:
    """Do something with each item, in their order, in another thread while the next are made.

    No interruption reaches that thread: what it has begun, and what waits for it, it does to the
    end. What the work raises is raised here.

    Args:
        items: taken while their forerunners are worked on.
        work: done with each.
        weigh: returns what an item weighs.
        count: how many items may wait.
        most: what the items that wait may weigh together.

    >>> done = []
    >>> behind("abc", done.append, weigh=len)
    >>> done
    ['a', 'b', 'c']
    """
    pending = deque[tuple[int, Future[None]]]()
    with ThreadPoolExecutor(1, "behind") as pool:
        for item in items:
            pending.append((weigh(item), pool.submit(work, item)))
            while len(pending) > count or sum(weight for weight, _ in pending) > most:
                pending.popleft()[1].result()
        while pending:
            pending.popleft()[1].result()
