"""Cells of methods that ``decouplednet compare`` does not know, trained on its terms."""

from collections.abc import Callable, Sequence
from pathlib import Path

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.comparison.budget import of_each_cell
from decouplednet.comparison.cell import Cell
from decouplednet.comparison.compare import check_numbers
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.comparison.grid import Grid, cells_of
from decouplednet.comparison.method import Method
from decouplednet.comparison.terms import PREFIX, set_terms
from decouplednet.errors import DataError
from decouplednet.progress import bar
from decouplednet.settings import Settings


def unheard(line: str) -> None:
    """Say nothing."""
    del line


def train_cells(
    data: Path,
    out: Path,
    methods: Sequence[Method],
    *,
    masks: Sequence[int],
    seeds: Sequence[int],
    prefix: str = PREFIX,
    device: str | None = None,
    progress: bool = False,
    tell: Callable[[str], None] = unheard,
) -> tuple[Cell, ...]:
    """Train the cells that are missing, each with the comparison's own settings and scoring.

    A cell whose file is there is not trained again; one that was interrupted goes on from its last
    checkpoint; one that fails does not stop the others. The tables are left to ``compare``.

    Args:
        data: the data set's folder.
        out: the comparison's folder.
        methods: to train.
        masks: numbers of masks a class, each at least 1.
        seeds: of the trainings.
        prefix: what the splits with so many masks a class are called, before the number.
        device: ``auto``, ``cpu`` or ``cuda``; None: as the comparison began.
        progress: show bars.
        tell: called with a line before and after each cell.

    Returns:
        The cells that failed.

    Raises:
        DataError: no comparison was begun, or the data set, a split or the folder cannot be used.
        SettingsError: what is recorded is damaged.
        UsageError: a number is out of range.
    """
    check_numbers(masks, seeds)
    folder = ComparisonFolder(out)
    common = _recorded(folder, device)
    reading = bar("masks to draw from", quiet=not progress)
    terms = set_terms(Catalogue.read(data), of_each_cell(common), prefix, reading)
    folder.begin(common, terms.drawn(masks))
    by_name = {method.name: method for method in methods}
    grid = Grid(folder, terms, by_name, keep_models=False, progress=progress)
    failed = []
    for cell in cells_of(methods, masks, seeds):
        tell(_outcome(grid, cell, tell))
        if not folder.file(cell).exists():
            failed.append(cell)
    return tuple(failed)


def _outcome(grid: Grid, cell: Cell, tell: Callable[[str], None]) -> str:
    """Train a cell, if it is missing, and return the line that says what came of it."""
    file = grid.folder.file(cell)
    if file.exists():
        return f"{cell}: done before"
    tell(f"{cell}: begins")
    if grid.train(cell) is None:
        return f"failed: {grid.folder.sentence(cell)}"
    return f"{cell}: done, {file}"


def _recorded(folder: ComparisonFolder, device: str | None) -> Settings:
    """Return the settings that a comparison began with.

    Raises:
        DataError: it did not begin.
    """
    if not folder.settings.exists():
        raise DataError(
            f"{folder.root}: no comparison was begun here; begin it with decouplednet compare DATA "
            f"--out {folder.root}, which records what all methods have in common"
        )
    recorded = folder.settings_to_use(None)
    return recorded.changed({"compute.device": device}) if device else recorded
