"""Faults of the processes that read images, as the sentences they were."""

from collections.abc import Iterator
from contextlib import contextmanager

from decouplednet.errors import UserError


@contextmanager
def told_plainly() -> Iterator[None]:
    """Take off what a data loader puts around the message of a fault in a worker process.

    Raises:
        UserError: the fault, its message without the traceback of the worker.
    """
    try:
        yield
    except UserError as fault:
        kind = type(fault)
        sentence = str(fault).rpartition(f"{kind.__module__}.{kind.__qualname__}: ")[2]
        raise kind(sentence.strip()) from None
