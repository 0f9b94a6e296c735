"""Ways to compute what layers say faster than layer by layer, and how to go without them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_ALLOWED = ContextVar("shortcuts", default=True)


@contextmanager
def layer_by_layer() -> Iterator[None]:
    """Compute every layer as it is written: nothing tap by tap, nothing folded."""
    token = _ALLOWED.set(False)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def shortcuts_allowed() -> bool:
    """Return whether layers may be computed in a faster way.

    Not while a graph is exported: the program that runs it has ways of its own.
    """
    return not torch.compiler.is_compiling() and _ALLOWED.get()
