"""A bar for the long loops of training that Lightning does not show."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rich.progress import track

T = TypeVar("T")


def bar(description: str, *, shown: bool) -> Callable[[Sequence[T]], Iterable[T]]:
    """Return what wraps a sequence and shows how far its items are done.

    Args:
        description: what is done, in front of the bar.
        shown: False passes the items through in silence.
    """
    if not shown:
        return iter
    return lambda items: track(items, description=description)
