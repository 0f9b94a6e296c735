"""One request after the other, and only so many that wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Busy(Exception):  # noqa: N818 (a state, no fault)
    """As many requests wait as may."""


class Turns:
    """Gives turns in the order in which they are asked for.

    Args:
        most_waiting: how many may wait while one has its turn.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most = 1 + most_waiting
        self._there = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, which lasts as long as the context.

        Raises:
            Busy: too many wait already.
        """
        if self._there >= self._most:
            raise Busy
        self._there += 1
        try:
            async with self._lock:
                yield
        finally:
            self._there -= 1
