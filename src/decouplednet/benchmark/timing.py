"""Work timed in turns, so that whatever slows the machine slows all of it."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from decouplednet.progress import bar

Work = Callable[[], object]
Clock = Callable[[], float]
Wait = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of the repetitions of one piece of work.

    Args:
        seconds: of each repetition, in their order; at least one.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """How far the slowest lies above the fastest, as a share of the median."""
        return (max(self.seconds) - min(self.seconds)) / self.median if self.median else 0.0

    @property
    def about(self) -> str:
        """How far the repetitions lie around the median: half their range, to be printed after it.

        >>> Timing((9.0, 10.0, 11.0)).about, Timing((9.0,)).about
        (' ± 10 %', '')
        """
        return f" ± {50 * self.spread:.0f} %" if len(self.seconds) > 1 else ""


def waiting(device: torch.device) -> Wait:
    """Return what waits until a device has done all that it was given.

    A GPU is given work and not waited for; a CPU has done it when the call returns.

    Args:
        device: where the work is done.
    """
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None


def in_turns(
    work: Mapping[str, Work],
    repetitions: int,
    *,
    wait: Wait = lambda: None,
    clock: Clock = time.perf_counter,
    quiet: bool = True,
    title: str = "timing",
) -> dict[str, Timing]:
    """Time several pieces of work: all once untimed, then all in turn, again and again.

    Args:
        work: by name.
        repetitions: that are timed, at least 1.
        wait: returns when the device has done its work, as from ``waiting``; that is timed too.
        clock: seconds since any fixed moment.
        quiet: show no bar.
        title: of the bar.
    """
    for once in work.values():
        once()
    wait()
    turns = [name for _ in range(repetitions) for name in work]
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for name in bar(title, quiet)(turns):
        begun = clock()
        work[name]()
        wait()
        seconds[name].append(clock() - begun)
    return {name: Timing(tuple(of_one)) for name, of_one in seconds.items()}


def ratios(slow: Timing, fast: Timing) -> Timing:
    """Return how many times as long one piece of work took as another, turn by turn."""
    pairs = zip(slow.seconds, fast.seconds, strict=True)
    return Timing(tuple(one / other for one, other in pairs))


def total(timings: Sequence[Timing]) -> Timing:
    """Return what several pieces of work took together, turn by turn."""
    return Timing(tuple(map(sum, zip(*(one.seconds for one in timings), strict=True))))
