"""The table that is shown before a comparison: what will be trained, on what, with what budget."""

from decouplednet.comparison.budget import stated_in_common
from decouplednet.comparison.compare import Outline
from decouplednet.counts import count

Row = tuple[str, str]


def describe(outline: Outline) -> list[Row]:
    """Return the rows of the table: what, and which or how much.

    Args:
        outline: of the call.

    Raises:
        DataError: the masks of a number cannot be had.
    """
    terms, cells = outline.terms, outline.cells
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
    ]


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
