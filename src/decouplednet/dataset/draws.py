"""Stateless sampling: what draw number d is depends on the seed and on d, on nothing else."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

# Each use of a seed has a stream of its own, so that none repeats another.
_ORDER, _DRAW, _VIEW = range(3)


@dataclass(frozen=True, slots=True)
class Draws:
    """An endless stream of draws from ``count`` records, pass after pass, each pass reshuffled.

    Attributes:
        count: number of records, at least 1.
        seed: fixes the order of every pass and the random numbers of every draw.
    """

    count: int
    seed: int

    def locate(self, draw: int) -> tuple[int, int]:
        """Return the pass that a draw belongs to and the record that it takes.

        Args:
            draw: number of the draw, from 0.

        Raises:
            ValueError: the draw is negative.
        """
        if draw < 0:
            raise ValueError(f"draws are counted from 0; this one is {draw}")
        number, place = divmod(draw, self.count)
        return number, int(_order(self.count, self.seed, number)[place])

    def generator(self, draw: int) -> np.random.Generator:
        """Return the random numbers of a draw."""
        return np.random.default_rng((self.seed, _DRAW, draw))


def view_generator(seed: int, name: str, view: int) -> np.random.Generator:
    """Return the random numbers of one view of one image, whatever other images there are.

    Args:
        seed: of the run.
        name: of the image's record.
        view: number of the view.
    """
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng((seed, _VIEW, int.from_bytes(digest[:8]), view))


@lru_cache(maxsize=16)
def _order(count: int, seed: int, number: int) -> NDArray[np.int64]:
    """Return the shuffled records of one pass."""
    return np.random.default_rng((seed, _ORDER, number)).permutation(count)


class DrawSampler(Sampler[int]):
    """Yields the draws of one epoch: epoch e has the draws from e times ``draws_per_epoch`` on.

    Args:
        draws_per_epoch: draws of one epoch, of all ranks together.
        rank: which of the processes that share the epoch this one is, from 0.
        world: number of processes that share the epoch; each takes every ``world``-th draw.

    Raises:
        ValueError: the ranks cannot share the epoch evenly, or ``rank`` is not below ``world``.
    """

    def __init__(self, draws_per_epoch: int, *, rank: int = 0, world: int = 1) -> None:
        if draws_per_epoch < 1 or draws_per_epoch % world:
            raise ValueError(
                f"{draws_per_epoch} draws an epoch cannot be shared evenly by {world} processes"
            )
        if not 0 <= rank < world:
            raise ValueError(f"ranks run from 0 to {world - 1}; this one is {rank}")
        self._draws_per_epoch = draws_per_epoch
        self._rank = rank
        self._world = world
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose draws come next; Lightning calls this."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        first = self._epoch * self._draws_per_epoch
        yield from range(first + self._rank, first + self._draws_per_epoch, self._world)

    def __len__(self) -> int:
        return self._draws_per_epoch // self._world
