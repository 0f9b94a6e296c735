"""The whole comparison: agree on the terms, train the cells that are missing, write the tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.comparison.budget import check_budget, of_each_cell, with_budget
from decouplednet.comparison.cell import MOST, Cell, CellResult
from decouplednet.comparison.folder import ComparisonFolder, Found
from decouplednet.comparison.grid import Grid, cells_of
from decouplednet.comparison.method import Method
from decouplednet.comparison.methods import choose_methods
from decouplednet.comparison.results import Comparison, write_results
from decouplednet.comparison.terms import PREFIX, Terms, set_terms
from decouplednet.errors import UsageError
from decouplednet.progress import bar
from decouplednet.settings import Settings


@dataclass(frozen=True, slots=True)
class Outline:
    """What a call will do, before it does it.

    Args:
        terms: on which all methods compete.
        cells: of the grid that was asked for, in their order.
        to_do: those of them that will be trained.
        found: what lies there already.
    """

    terms: Terms
    cells: tuple[Cell, ...]
    to_do: tuple[Cell, ...]
    found: Found


def compare(
    data: Path | str,
    *,
    out: Path | str,
    methods: Sequence[str] | None = None,
    masks: Sequence[int] = (5, 10, 25),
    seeds: Sequence[int] = (0, 1, 2),
    settings: Settings | None = None,
    masks_split_prefix: str = PREFIX,
    keep_models: bool = False,
    progress: bool = False,
    announce: Callable[[Outline], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Comparison:
    """Train several methods on the same images, masks and budget, then compare their scores.

    Cells that are done are not done again, one that was interrupted goes on from its last
    checkpoint, and the tables are written anew after every cell.

    Args:
        data: the data set's folder.
        out: the comparison's folder; new, empty, or one that is gone on with.
        methods: names; None: all. With none only the tables and pictures are written.
        masks: numbers of masks a class, each at least 1.
        seeds: of the trainings.
        settings: common to all cells; None: those the comparison began with, or the defaults. Its
            seed fixes what is drawn from the data set, its minutes are of the training of a cell.
            A new comparison that is given neither minutes nor updates has 10 minutes a cell.
        masks_split_prefix: what the splits with so many masks a class are called, before the
            number; without such splits the masks are drawn, see ``terms.set_terms``.
        keep_models: leave the model of each cell in its run's folder.
        progress: show bars.
        announce: called once with what will be done, before anything is trained.
        tell: called with a line before and after each cell.

    Raises:
        DataError: the data set, a split or the folder cannot be used.
        SettingsError: settings are out of range, or differ from those the comparison began with.
        UsageError: there is no method of a name, a number is out of range, no cell lies there
            where none shall be trained, or a method has a third stage and cells neither minutes nor
            all updates from windows.
    """
    check_numbers(masks, seeds)
    chosen = choose_methods(methods)
    folder = ComparisonFolder(Path(out))
    cells = cells_of(chosen, masks, seeds)
    to_do = tuple(cell for cell in cells if not folder.file(cell).exists())
    common = _in_common(folder, settings, to_train=bool(to_do))
    reading = bar("masks to draw from", quiet=not progress)
    terms = set_terms(Catalogue.read(Path(data)), of_each_cell(common), masks_split_prefix, reading)
    found = folder.find(terms)
    if not to_do and not found.cells:
        raise UsageError(f"{folder.root}: holds no cell yet; name the --methods to train")
    check_budget(terms.settings, _methods_of(to_do, chosen))
    there = (*to_do, *(result.cell for result in found.cells))
    lists = terms.drawn(sorted({cell.masks for cell in there} - {0}))
    if announce:
        announce(Outline(terms, cells, to_do, found))
    folder.begin(common, lists)
    grid = Grid(folder, terms, {method.name: method for method in chosen}, keep_models, progress)
    tags = terms.tags()
    for place, cell in enumerate(to_do, start=1):
        say = tell or _say_nothing
        say(f"cell {place} of {len(to_do)}: {cell}")
        result = grid.train(cell)
        write_results(folder, terms, tags)
        say(_ended(result) if result else f"failed: {folder.sentence(cell)}")
    return write_results(folder, terms, tags)


def _in_common(folder: ComparisonFolder, given: Settings | None, *, to_train: bool) -> Settings:
    """Return the settings of all cells: those that the comparison began with, if it did."""
    common = folder.settings_to_use(given, to_train=to_train)
    return common if folder.settings.exists() else with_budget(common)


def _say_nothing(line: str) -> None:
    pass


def _methods_of(cells: Sequence[Cell], methods: Sequence[Method]) -> list[Method]:
    names = {cell.method for cell in cells}
    return [method for method in methods if method.name in names]


def _ended(result: CellResult) -> str:
    miou = result.predicted_tags.miou
    score = "no pixel to score" if miou is None else f"mean IoU {miou:.3f}"
    return f"{score} after {result.minutes:.1f} minutes of training"


def check_numbers(masks: Sequence[int], seeds: Sequence[int]) -> None:
    """Refuse numbers that no cell can have.

    Raises:
        UsageError: there are none, one is out of range, or one is named twice.
    """
    for option, numbers, least in (("--masks", masks, 1), ("--seeds", seeds, 0)):
        in_range = numbers and least <= min(numbers) and max(numbers) < MOST
        if not in_range or len(set(numbers)) < len(numbers):
            raise UsageError(
                f"{option}: {', '.join(map(str, numbers)) or 'nothing'}: expected different whole "
                f"numbers of at least {least} and below {MOST}"
            )
