"""Cells that differ by their seed alone as one row: means and spreads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Literal

from decouplednet.comparison.budget import counts_updates
from decouplednet.comparison.cell import CellResult, CellScores
from decouplednet.report.curve_charts import stage_title


@dataclass(frozen=True, slots=True)
class Spread:
    """A number over several seeds.

    Args:
        mean: over the seeds.
        deviation: standard deviation of the sample, n - 1 below the sum; None for one seed.
        values: one a seed, in the order of the seeds.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]

    def stated(self, places: int = 3, *, sign: Literal["", "+"] = "") -> str:
        """Return mean ± deviation; of one seed the number alone. Zero has no minus sign.

        >>> Spread(0.5, 0.25, (0.25, 0.75, 0.5)).stated(2), Spread(0.4, None, (0.4,)).stated()
        ('0.50 ± 0.25', '0.400')

        Args:
            places: decimals of both.
            sign: ``+``: a mean of 0 or more has its sign too, as a gain has.
        """
        deviation = "" if self.deviation is None else f" ± {self.deviation:.{places}f}"
        return f"{self.mean:{sign}z.{places}f}{deviation}"


@dataclass(frozen=True, slots=True)
class Row:
    """One method with one number of masks.

    Args:
        method: its name.
        title: what it is called.
        masks: N, least number of masks a class.
        cells: one a seed, in the order of the seeds.
    """

    method: str
    title: str
    masks: int
    cells: tuple[CellResult, ...]

    @property
    def predicted_tags(self) -> Spread | None:
        """Mean IoU when the method decides which classes are there."""
        return spread(cell.predicted_tags.miou for cell in self.cells)

    @property
    def true_tags(self) -> Spread | None:
        """Mean IoU when it is told; None for a method that cannot be told."""
        return spread(scores.miou for scores in self._told())

    @property
    def tag_map(self) -> Spread | None:
        """Mean average precision of the tags; None for a method that says nothing of them."""
        return spread(cell.predicted_tags.tag_map for cell in self.cells)

    @property
    def iou(self) -> Mapping[str, Spread | None]:
        """IoU of background and each class with predicted tags."""
        return _by_class([cell.predicted_tags for cell in self.cells])

    @property
    def iou_true_tags(self) -> Mapping[str, Spread | None]:
        """IoU of background and each class with true tags; empty where it cannot be told."""
        return _by_class(self._told())

    @property
    def minutes(self) -> float | None:
        """Mean minutes; None where cells counted updates, and may have shared the machine."""
        counted = any(counts_updates(cell.budget) for cell in self.cells)
        return None if counted else self.mean_of("minutes")

    def mean_of(self, number: str) -> float:
        """Return the mean of a number that every cell has, such as ``minutes``."""
        return float(mean(getattr(cell, number) for cell in self.cells))

    def unrested(self) -> tuple[str, ...]:
        """Return each curve that had not come to rest, such as ``segmenter, seed 1: rising``."""
        return tuple(
            f"{stage_title(curve.stage)}, seed {cell.seed}: {curve.verdict}"
            for cell in self.cells
            for curve in cell.curves
            if curve.verdict != "at rest"
        )

    def _told(self) -> list[CellScores]:
        return [cell.true_tags for cell in self.cells if cell.true_tags]


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return mean and standard deviation of the values that are there; None without any.

    >>> spread([0.25, None, 0.75, 0.5])
    Spread(mean=0.5, deviation=0.25, values=(0.25, 0.75, 0.5))
    """
    there = tuple(value for value in values if value is not None)
    if not there:
        return None
    return Spread(mean(there), stdev(there) if len(there) > 1 else None, there)


def rows_of(cells: Iterable[CellResult]) -> tuple[Row, ...]:
    """Return the rows of a table: by number of masks, the best method first.

    Args:
        cells: in any order.
    """
    groups: dict[tuple[str, int], list[CellResult]] = {}
    for cell in sorted(cells, key=lambda one: one.seed):
        groups.setdefault((cell.method, cell.masks), []).append(cell)
    rows = [
        Row(method, group[0].title, masks, tuple(group))
        for (method, masks), group in groups.items()
    ]
    return tuple(sorted(rows, key=_rank))


def _rank(row: Row) -> tuple[int, float, str]:
    score = row.predicted_tags
    return row.masks, -score.mean if score else 1.0, row.method


def _by_class(scores: Sequence[CellScores]) -> Mapping[str, Spread | None]:
    names = dict.fromkeys(name for each in scores for name in each.iou)
    return {name: spread(each.iou.get(name) for each in scores) for name in names}
