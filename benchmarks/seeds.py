"""The seeds that a program of benchmarks/ trains with."""

from collections.abc import Sequence

from decouplednet.comparison.compare import check_numbers
from decouplednet.errors import UsageError


def read_seeds(text: str, changes: Sequence[str]) -> list[int]:
    """Return the seeds that are given to ``--seeds``.

    >>> read_seeds("0,1,2", ["side=96"])
    [0, 1, 2]

    Args:
        text: the numbers, joined by commas.
        changes: of the settings, as given to ``--set``.

    Raises:
        UsageError: it is no list of different numbers, or a change gives a seed too.
    """
    for change in changes:
        if change.partition("=")[0].strip() == "seed":
            raise UsageError(f"--set {change}: every run has a seed of --seeds; give it there")
    try:
        seeds = [int(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds: {text!r} is no list of numbers such as 0,1,2") from None
    check_numbers([1], seeds)
    return seeds
