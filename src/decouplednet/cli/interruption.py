"""Ctrl-C in a command that can be gone on with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote


class Interrupted(Exception):  # noqa: N818 (the user's will, no fault)
    """The user stopped a command; the message says what to do with what is there."""


@contextmanager
def resumable(data: Path, out: Path) -> Iterator[None]:
    """Let Ctrl-C say how to go on with the training inside, once it has begun.

    Args:
        data: the data set's folder.
        out: the run's folder.

    Raises:
        Interrupted: the user stopped a run that can be resumed.
    """
    from decouplednet.training.run_folder import RunFolder

    try:
        yield
    except KeyboardInterrupt:
        if not RunFolder(out).can_go_on():
            raise
        words = f"{quote(str(data))} --out {quote(str(out))} --resume"
        raise Interrupted(f"go on with: decouplednet train {words}") from None


@contextmanager
def prelabelling(out: Path) -> Iterator[None]:
    """Let Ctrl-C say how to go on with the pre-labels inside, once some may be there.

    Args:
        out: their folder.

    Raises:
        Interrupted: the user stopped what can be gone on with.
    """
    from decouplednet.prelabel.folder import PrelabelFolder

    try:
        yield
    except KeyboardInterrupt:
        if not PrelabelFolder(out).journal.is_file():
            raise
        raise Interrupted(
            f"go on with the same command and --resume; what is done lies in {out}"
        ) from None
