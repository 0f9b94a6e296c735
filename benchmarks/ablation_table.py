"""The table of an ablation: what each row scores, and what it gains over the recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.ablation_chart import Gain
from decouplednet.comparison.rows import spread

AS_IT_IS = "the recipe"
HEAD = (
    "changed",
    "predicted tags",
    "true tags",
    "tag mAP",
    "gain, predicted",
    "gain, true",
    "seeds",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """The scores of one row with one seed.

    Args:
        row: what was changed, in words.
        seed: of the run.
        predicted_tags: mean IoU when the network decides which classes are there; None where no
            pixel counts.
        true_tags: mean IoU when it is told.
        tag_map: mean average precision of the tags; None where it is not defined.
    """

    row: str
    seed: int
    predicted_tags: float | None
    true_tags: float | None
    tag_map: float | None


def table(cells: Sequence[Cell]) -> str:
    """Return a line for each row: mean and standard deviation over its seeds.

    The columns of gains are over the recipe with the same seed, so that what a seed gives or takes
    is in both and cancels. A gain that rounds to zero has no minus sign.

    Args:
        cells: in any order.

    >>> print(table([
    ...     Cell("the recipe", 0, 0.6, 0.7, 0.9), Cell("the recipe", 1, 0.64, 0.7, None),
    ...     Cell("no flip", 0, 0.59, 0.7, None), Cell("no flip", 1, 0.61, 0.71, None),
    ... ]))
    | changed | predicted tags | true tags | tag mAP | gain, predicted | gain, true | seeds |
    |---|---|---|---|---|---|---|
    | the recipe | 0.620 ± 0.028 | 0.700 ± 0.000 | 0.900 | - | - | 2 |
    | no flip | 0.600 ± 0.014 | 0.705 ± 0.007 | - | -0.020 ± 0.014 | +0.005 ± 0.007 | 2 |
    <BLANKLINE>
    """
    gained = gains_of(cells)
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    for row in dict.fromkeys(cell.row for cell in cells):
        its = [cell for cell in cells if cell.row == row]
        scores = [_stated(values, "") for values in zip(*map(_scores, its), strict=True)]
        gains = [_stated(values, "+") for values in zip(*gained.get(row, ()), strict=True)]
        columns = (row, *scores, *(gains or ["-", "-"]), str(len(its)))
        lines.append(f"| {' | '.join(columns)} |")
    return "\n".join(lines) + "\n"


def _scores(cell: Cell) -> tuple[float | None, ...]:
    return cell.predicted_tags, cell.true_tags, cell.tag_map


def gains_of(cells: Sequence[Cell]) -> dict[str, list[Gain]]:
    """Return for each row but the recipe what its runs have over the recipe's with the same seed.

    Args:
        cells: in any order; runs of a seed that the recipe was not trained with are left out.

    >>> gains_of([Cell("the recipe", 0, 0.5, 0.75, None), Cell("no flip", 0, 0.25, None, None)])
    {'no flip': [(-0.25, None)]}
    """
    recipe = {cell.seed: cell for cell in cells if cell.row == AS_IT_IS}
    gained: dict[str, list[Gain]] = {}
    for cell in cells:
        base = recipe.get(cell.seed)
        if base and cell.row != AS_IT_IS:
            predicted = _over(cell.predicted_tags, base.predicted_tags)
            true = _over(cell.true_tags, base.true_tags)
            gained.setdefault(cell.row, []).append((predicted, true))
    return gained


def _over(its: float | None, other: float | None) -> float | None:
    return None if its is None or other is None else its - other


def _stated(values: Sequence[float | None], sign: Literal["", "+"]) -> str:
    found = spread(values)
    return found.stated(sign=sign) if found else "-"
