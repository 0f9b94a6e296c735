"""The table of a comparison, for reading as Markdown and for computing as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from decouplednet.comparison.cell import REST, CellResult, Where
from decouplednet.comparison.guard import Guard
from decouplednet.comparison.methods import METHODS
from decouplednet.comparison.rows import Row, Spread, rows_of
from decouplednet.counts import count
from decouplednet.evaluation.scores import RULE

_HEAD = (
    "masks a class",
    "method",
    "predicted tags",
    "true tags",
    "tag mAP",
    "minutes",
    "updates",
    "weights trained / all",
    "came to rest",
)


def markdown(
    cells: Sequence[CellResult],
    guard: Guard,
    faults: Sequence[str] = (),
    uneven: str | None = None,
) -> str:
    """Return the page of a comparison: scores, classes, and what must be known to read them.

    Args:
        cells: at least one.
        guard: what is said of the tags.
        faults: one sentence for each cell that failed.
        uneven: what is said where an update is not worth the same in all methods.
    """
    lines = [
        "# Comparison",
        "",
        "Mean IoU, mean ± standard deviation over the seeds (number of seeds).",
        "",
        *score_table(cells),
        "",
        "## IoU of each class, predicted tags",
        "",
        *_class_table(cells),
        "",
        "## Notes",
        "",
        *(f"- {_plain(note)}" for note in _notes(cells, guard, faults, uneven)),
    ]
    return "\n".join(lines) + "\n"


def score_table(cells: Sequence[CellResult]) -> list[str]:
    """Return the lines of the table of scores, by number of masks, the best method first.

    Args:
        cells: in any order.
    """
    return _table(_HEAD, ([str(row.masks), row.title, *_summary(row)] for row in rows_of(cells)))


def sheet(cells: Sequence[CellResult]) -> str:
    """Return the same numbers as CSV, one line for each method and number of masks.

    Args:
        cells: at least one.
    """
    table = [dict(_values(row)) for row in rows_of(cells)]
    columns = dict.fromkeys(name for line in table for name in line)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def _summary(row: Row) -> list[str]:
    trained, total = row.mean_of("trained_parameters"), row.mean_of("parameters")
    curves = sum(len(cell.curves) for cell in row.cells)
    rested = curves - len(row.unrested())
    return [
        _text(row.predicted_tags),
        _text(row.true_tags),
        _text(row.tag_map),
        "-" if row.minutes is None else f"{row.minutes:.1f}",
        f"{row.mean_of('updates'):.0f}",
        f"{trained / 1e6:.2f} M / {total / 1e6:.2f} M",
        "yes" if rested == curves else f"{rested} of {count(curves, 'curve')}",
    ]


def _class_table(cells: Sequence[CellResult]) -> list[str]:
    rows = rows_of(cells)
    names = dict.fromkeys(name for row in rows for name in row.iou)
    return _table(
        ("masks a class", "method", *names),
        (
            [str(row.masks), row.title, *(_text(row.iou.get(name), places=2) for name in names)]
            for row in rows
        ),
    )


def _notes(
    cells: Sequence[CellResult], guard: Guard, faults: Sequence[str], uneven: str | None
) -> Iterator[str]:
    averaged = _each(str(cell.predicted_tags.classes_averaged) for cell in cells)
    yield f"scored on {_each(count(cell.predicted_tags.images, 'image') for cell in cells)}"
    yield f"rule: {RULE}; classes averaged, background counted: {averaged}"
    yield from _of_budget(cells)
    yield from [uneven] if uneven else []
    yield from _of_time(cells)
    for title, tuning in dict.fromkeys((cell.title, _tuning(cell)) for cell in cells):
        yield f"tuned for {title}: {tuning}"
    yield "computed on " + _each(_machine(cell.where) for cell in cells)
    yield from _of_code(cells)
    yield from guard.sentences()
    yield from (f"warning: {warning}" for warning in guard.warnings)
    for line in dict.fromkeys(line for cell in cells for line in cell.failures):
        yield f"not scored: {line}"
    yield from (f"failed: {fault}" for fault in faults)


def _tuning(cell: CellResult) -> str:
    """Return what was tuned for a cell's method, as the method says it now if it is known here."""
    return next((method.tuning for method in METHODS if method.name == cell.method), cell.tuning)


def _of_budget(cells: Sequence[CellResult]) -> Iterator[str]:
    """Say what the cells of each method were allowed, and which of them where they differ."""
    if len({cell.budget for cell in cells}) == 1:
        yield f"budget of a cell: {cells[0].budget}"
        return
    for title in dict.fromkeys(cell.title for cell in cells):
        its = [cell for cell in cells if cell.title == title]
        budgets = dict.fromkeys(cell.budget for cell in its)
        for budget in budgets:
            so = [cell for cell in its if cell.budget == budget]
            which = f" ({_which(so)})" if len(budgets) > 1 else ""
            yield f"budget of a cell of {title}{which}: {budget}"


def _which(cells: Sequence[CellResult]) -> str:
    """Return the masks and seeds of cells of one method."""
    seeds: dict[int, list[int]] = {}
    for cell in sorted(cells, key=lambda one: (one.masks, one.seed)):
        seeds.setdefault(cell.masks, []).append(cell.seed)
    return "; ".join(
        f"{_masks(masks)}, {'seed' if len(its) == 1 else 'seeds'} {', '.join(map(str, its))}"
        for masks, its in seeds.items()
    )


def _masks(masks: int) -> str:
    return f"{count(masks, 'mask')} a class" if masks else "no masks"


def _of_time(cells: Sequence[CellResult]) -> Iterator[str]:
    features = max(cell.feature_minutes for cell in cells)
    yield (
        "minutes are those of training, pseudo-masks included, without scoring and without the "
        f"features of the shared cache, which took up to {features:.1f} minutes where they were "
        "not there"
    )
    if any(row.minutes is None for row in rows_of(cells)):
        yield (
            "no minutes are averaged where cells of a row counted updates: they may have shared "
            "the machine with other work"
        )
    yield (
        "a loss came to rest when the mean over its last tenth differs from that over the tenth "
        f"before by at most {100 * REST:g} % of that over its first; the step size falls to zero, "
        "which brings a loss to rest, so rest does not show that more time would give nothing"
    )
    for row in rows_of(cells):
        if row.unrested():
            yield f"not at rest: {row.title}, {_masks(row.masks)}: {'; '.join(row.unrested())}"


def _of_code(cells: Sequence[CellResult]) -> Iterator[str]:
    """Say so where the code was not the same for all cells, or is not known."""
    commits = dict.fromkeys(cell.where.commit for cell in cells)
    unknown = [cell for cell in cells if cell.where.commit is None]
    if len(unknown) == len(cells):
        yield "the code is not known: no cell names its commit"
    elif len(commits) > 1:
        yield f"not all cells come from the same code: {'; '.join(filter(None, commits))}"
        for title in dict.fromkeys(cell.title for cell in unknown):
            its = _which([cell for cell in unknown if cell.title == title])
            yield f"of a commit that is not known: {title}, {its}"


def _machine(where: Where) -> str:
    threads = count(where.threads, "thread")
    return f"{where.device}, {threads}, torch {where.torch}, {where.precision}"


def _values(row: Row) -> Iterator[tuple[str, object]]:
    yield from (("method", row.method), ("title", row.title), ("masks", row.masks))
    yield "seeds", len(row.cells)
    yield from _columns("miou", row.predicted_tags)
    yield from _columns("miou_true_tags", row.true_tags)
    yield from _columns("tag_map", row.tag_map)
    yield "minutes", "" if row.minutes is None else f"{row.minutes:.10g}"
    for number in ("feature_minutes", "updates", "parameters", "trained_parameters"):
        yield number, f"{row.mean_of(number):.10g}"
    yield "curves_not_at_rest", len(row.unrested())
    for name, value in row.iou.items():
        yield from _columns(f"iou_{name}", value)
    for name, value in row.iou_true_tags.items():
        yield from _columns(f"iou_true_tags_{name}", value)


def _columns(name: str, value: Spread | None) -> Iterator[tuple[str, str]]:
    deviation = value.deviation if value else None
    yield f"{name}_mean", f"{value.mean:.4f}" if value else ""
    yield f"{name}_deviation", f"{deviation:.4f}" if deviation is not None else ""


def _text(value: Spread | None, places: int = 3) -> str:
    return f"{value.stated(places)} ({len(value.values)})" if value else "-"


def _each(words: Iterable[str]) -> str:
    """Return the different ones."""
    return "; ".join(dict.fromkeys(words))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (f"| {' | '.join(_plain(cell) for cell in row)} |" for row in (head, *rows))
    first, *others = lines
    return [first, f"|{'---|' * len(head)}", *others]


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
