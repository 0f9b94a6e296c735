"""A bar on standard error while a command works through a sequence."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def bar(description: str, quiet: bool) -> Callable[[Sequence[T]], Iterable[T]]:
    """Return a function that yields the items of a sequence and shows how many are done.

    Nothing is shown where standard error is no terminal, so that logs stay short.

    Args:
        description: what is being worked through, such as ``files``.
        quiet: show nothing anywhere.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal

    def show(items: Sequence[T]) -> Iterable[T]:
        return track(items, description, console=console, transient=True, disable=hidden)

    return show
