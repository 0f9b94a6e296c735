"""A clock that goes on only when a test says so."""

from dataclasses import dataclass


@dataclass
class FakeClock:
    """Shows ``now`` seconds."""

    now: float = 100.0

    def __call__(self) -> float:
        """Return the seconds shown."""
        return self.now
