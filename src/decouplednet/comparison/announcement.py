"""The table that is shown before a comparison: what will be trained, on what, with what budget."""

from collections.abc import Sequence

from decouplednet.comparison.budget import minutes_of_cell, stated_in_common
from decouplednet.comparison.compare import Outline
from decouplednet.comparison.terms import Terms
from decouplednet.comparison.windows import uneven_windows
from decouplednet.counts import count
from decouplednet.training.estimate import duration

Row = tuple[str, str]


def describe(outline: Outline) -> list[Row]:
    """Return the rows of the table: what, and which or how much.

    Args:
        outline: of the call.

    Raises:
        DataError: the masks of a number cannot be had.
    """
    terms, cells = outline.terms, outline.cells
    if not cells:
        there = count(len(outline.found.cells), "cell")
        said = f"nothing to train; tables and pictures of {there}"
        return [("data", f"{terms.catalogue.root}"), ("cells", said)]
    budgets = sorted({cell.masks for cell in cells} - {0})
    images = (f"{masks} in {count(len(terms.masked(masks)), 'image')}" for masks in budgets)
    source = "splits of the data set" if terms.named else "drawn"
    data = terms.settings.data
    return [
        ("data", f"{terms.catalogue.root}, {count(len(terms.catalogue.records), 'image')}"),
        ("classes", f"{len(terms.classes)}: {', '.join(terms.classes)}; others: {data.others}"),
        ("only scored", f"{count(len(terms.scored), 'image')} ({data.validation_split})"),
        ("masks a class", f"{', '.join(images) or 'none'} ({source})"),
        ("methods", ", ".join(dict.fromkeys(cell.method for cell in cells)) or "none"),
        ("seeds", ", ".join(dict.fromkeys(str(cell.seed) for cell in cells)) or "none"),
        ("budget of a cell", stated_in_common(terms.settings)),
        ("cells", _cells(outline)),
        *_time(outline),
        *_caution(terms, budgets),
        *_uneven(outline),
    ]


def _time(outline: Outline) -> list[Row]:
    """Return how long the cells that are left are trained, where minutes end them."""
    minutes = minutes_of_cell(outline.terms.settings)
    if minutes is None or not outline.to_do:
        return []
    seconds = 60 * minutes * len(outline.to_do)
    return [("expected", f"{duration(seconds)} of training, features and scores beside it")]


def _caution(terms: Terms, masks: Sequence[int]) -> list[Row]:
    """Return how many images are scored and learnt from, if any."""
    scored = {record.name for record in terms.scored}
    both = len(scored & terms.learnt_from(masks))
    if not both:
        return []
    return [("caution", f"scored and learnt from: {count(both, 'image')}; scores will flatter")]


def _uneven(outline: Outline) -> list[Row]:
    """Return that updates are not worth the same in all methods, if so."""
    methods = {cell.method for cell in outline.cells}
    there = {result.method for result in outline.found.cells}
    told = uneven_windows(outline.terms.settings, methods | there)
    return [("caution", told)] if told else []


def _cells(outline: Outline) -> str:
    """Return how many cells are done, left, or from elsewhere."""
    wanted = {cell.name for cell in outline.cells}
    others = sum(each.cell.name not in wanted for each in outline.found.cells)
    done = len(outline.cells) - len(outline.to_do)
    parts = [f"{len(outline.cells)}: {done} done, {len(outline.to_do)} to do"]
    if others:
        parts.append(f"{count(others, 'other')} there already")
    if outline.found.refused:
        parts.append(f"{count(len(outline.found.refused), 'file')} refused")
    return "; ".join(parts)
