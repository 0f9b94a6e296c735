"""What the stages of an image took, and which share of the machine's limit they reached."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from decouplednet.benchmark.timing import Timing, ratios, total


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage took, or one convolution.

    Args:
        timing: of it.
        operations: its FLOP, a multiply-add counted as two.
    """

    timing: Timing
    operations: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Stages of an image in one precision, and convolutions that took turns with them.

    The ceiling is one convolution: the one with the highest speed, which is its median over the
    turns of all K. A share is that of this convolution's speed in the same turn, and the figure is
    the median of the shares, as with every other ratio: what slows a turn slows both.

    Args:
        stages: by K and name.
        convolutions: by K and name, the same ones for every K.
    """

    stages: Mapping[int, Mapping[str, Stage]]
    convolutions: Mapping[int, Mapping[str, Stage]]

    @property
    def ceiling(self) -> float:
        """The speed of the fastest convolution, in FLOP/s."""
        return max(self._speeds().values())

    def share(self, count: int, *names: str) -> Timing:
        """Return which share of the ceiling stages reach together, turn by turn.

        Args:
            count: K.
            names: of stages.
        """
        speeds = self._speeds()
        fastest = self.convolutions[count][max(speeds, key=lambda name: speeds[name])]
        stages = [self.stages[count][name] for name in names]
        share = sum(stage.operations for stage in stages) / fastest.operations
        taken = ratios(fastest.timing, total([stage.timing for stage in stages]))
        return Timing(tuple(share * one for one in taken.seconds))

    def _speeds(self) -> dict[str, float]:
        """Return the median speed of each convolution over the turns of all K, in FLOP/s."""
        by_count = list(self.convolutions.values())
        return {
            name: stage.operations
            / statistics.median(second for of in by_count for second in of[name].timing.seconds)
            for name, stage in by_count[0].items()
        }
