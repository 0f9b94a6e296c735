"""A bar on standard error for whatever works through a sequence or counts to a number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


def bar(description: str, quiet: bool) -> Callable[[Sequence[T]], Iterable[T]]:
    """Return a function that yields the items of a sequence and shows how many are done.

    Nothing is shown where standard error is no terminal, so that logs stay short.

    Args:
        description: what is being worked through, such as ``files``.
        quiet: show nothing anywhere.
    """
    from rich.markup import escape
    from rich.progress import track

    console = terminal()
    if quiet or console is None:
        return iter
    return lambda items: track(items, escape(description), console=console, transient=True)


@contextmanager
def notice(description: str, quiet: bool) -> Iterator[None]:
    """Show what is being done meanwhile, where its parts cannot be counted.

    Args:
        description: such as ``trying out how fast this machine is``.
        quiet: show nothing anywhere.
    """
    from rich.markup import escape

    console = terminal()
    if quiet or console is None:
        yield
        return
    with console.status(escape(description)):
        yield


def terminal() -> "Console | None":
    """Return standard error to draw on; None where it is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_terminal else None
