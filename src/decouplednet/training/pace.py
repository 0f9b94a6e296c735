"""How far a stage is: by the updates that it has made, or by the clock."""

import time
from collections.abc import Callable

from decouplednet.stage_settings import StageSettings

Clock = Callable[[], float]
"""Seconds since any fixed moment; only differences count."""


def itself(share: float) -> float:
    """Return what is given: a single device agrees with itself."""
    return share


class Pace:
    """How far a stage is in its schedule, and whether it is at its end.

    By the clock, the schedule is stretched or shrunk to the time: a tenth of the seconds is a
    tenth of the updates that it was made for, however many are made meanwhile.

    Args:
        updates: that the schedule is made for.
        seconds: that the stage may take, earlier attempts included; None: the updates decide.
        clock: by which the stage is timed.
    """

    def __init__(self, updates: int, seconds: float | None, clock: Clock) -> None:
        self.updates = updates
        self.seconds = seconds
        self.clock = clock
        self._begun = clock()
        self._share = 0.0

    def taken(self) -> float:
        """Return the seconds since the stage began, those of earlier attempts included."""
        return self.clock() - self._begun

    def continue_from(self, seconds: float) -> None:
        """Count what earlier attempts took; what this one took until now stays counted.

        Args:
            seconds: that were taken until the checkpoint from which the stage goes on.
        """
        self._begun = min(self._begun, self.clock() - seconds)
        self.look()

    def look(self, agreed: Callable[[float], float] = itself) -> None:
        """Look at the clock; until the next look the stage stays where it is.

        Every device of a stage takes the same step only where all are at the same position.

        Args:
            agreed: returns the share of the time on which all devices agree, given this one's.
        """
        if self.seconds is not None:
            self._share = agreed(self.taken() / self.seconds)

    def position(self, update: int) -> float:
        """Return how many updates of the schedule are done.

        Args:
            update: updates made until now.
        """
        return update if self.seconds is None else min(1.0, self._share) * self.updates

    def ended(self, update: int) -> bool:
        """Return whether the stage is at its end.

        Args:
            update: updates made until now.
        """
        return self.position(update) >= self.updates


def pace_of(settings: StageSettings, clock: Clock = time.perf_counter) -> Pace:
    """Return the pace of a stage that begins now.

    Args:
        settings: with ``updates`` chosen.
        clock: decides the end where ``settings`` give ``minutes``.
    """
    seconds = None if settings.minutes is None else 60 * settings.minutes
    return Pace(scheduled_updates(settings), seconds, clock)


def scheduled_updates(settings: StageSettings) -> int:
    """Return the updates that the schedule of a stage is made for.

    Raises:
        ValueError: they were not chosen before, as ``make_plan`` does.
    """
    if settings.updates is None:
        raise ValueError("the updates of a stage are chosen before it is trained")
    return settings.updates
