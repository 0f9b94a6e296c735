"""The seeds that a program of benchmarks/ trains with."""

from argparse import ArgumentParser
from collections.abc import Sequence

from decouplednet.comparison.compare import check_numbers
from decouplednet.errors import UsageError


def add_seeds(parser: ArgumentParser) -> None:
    """Give a command line the option ``--seeds``; ``read_seeds`` reads it."""
    parser.add_argument(
        "--seeds", metavar="N,N", help="default: that of the recipe, 0 where it names none"
    )


def read_seeds(text: str | None, changes: Sequence[str], own: int) -> list[int]:
    """Return the seeds to train with.

    >>> read_seeds("0,1,2", ["side=96"], own=7), read_seeds(None, ["side=96"], own=7)
    ([0, 1, 2], [7])

    Args:
        text: the numbers, joined by commas, as given to ``--seeds``; None: it is not given.
        changes: of the settings, as given to ``--set``.
        own: the recipe's seed.

    Raises:
        UsageError: it is no list of different numbers, or a change gives a seed too.
    """
    for change in changes:
        if gives_seed(change):
            raise UsageError(f"--set {change}: every run has a seed of --seeds; give it there")
    try:
        seeds = [own] if text is None else [int(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds: {text!r} is no list of numbers such as 0,1,2") from None
    check_numbers([1], seeds)
    return seeds


def gives_seed(change: str) -> bool:
    """Return whether a change of the settings is of the seed.

    >>> gives_seed(" seed = 1"), gives_seed("side=96")
    (True, False)
    """
    return change.partition("=")[0].strip() == "seed"
