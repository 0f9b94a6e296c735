"""The cells of a comparison in order: which there are, and each trained, scored and written."""

import shutil
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from decouplednet.annotations.files import write_atomically
from decouplednet.comparison.cell import Cell, CellResult, write_cell
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.comparison.measure import measure
from decouplednet.comparison.method import Method
from decouplednet.comparison.terms import Terms
from decouplednet.errors import TrainingError, UserError
from decouplednet.training.plan import Plan
from decouplednet.training.run import begin, changed_settings, continued_facts
from decouplednet.training.run_folder import RunFolder


def cells_of(
    methods: Sequence[Method], masks: Sequence[int], seeds: Sequence[int]
) -> tuple[Cell, ...]:
    """Return the cells of a grid in the order in which they are trained.

    One seed after the other, so that a grid that is stopped has compared all methods on some
    seeds, and the features of the shared cache serve all cells of a seed. A method without masks
    has one cell a seed.

    Args:
        methods: to compare.
        masks: numbers of masks a class.
        seeds: of the trainings.
    """
    cells = [
        Cell(method.name, number if method.uses_masks else 0, seed)
        for seed in seeds
        for number in masks
        for method in methods
    ]
    return tuple(dict.fromkeys(cells))


@dataclass(frozen=True, slots=True)
class Grid:
    """What trains the cells of a comparison.

    Args:
        folder: of the comparison.
        terms: on which all methods compete.
        methods: by name.
        keep_models: leave the model of each cell in its run's folder.
        progress: show bars.
    """

    folder: ComparisonFolder
    terms: Terms
    methods: dict[str, Method]
    keep_models: bool
    progress: bool

    def train(self, cell: Cell) -> CellResult | None:
        """Train a cell from where it was left, score it and write its file.

        Whatever fails is written down with its traceback, so that one method's fault does not
        cost a night of the others' work; only the user's own stop ends the grid.

        Returns:
            What came of it; None where it failed.

        Raises:
            DataError: nothing can be written.
        """
        try:
            result = self._train(cell)
        except Exception as fault:
            kind = "" if isinstance(fault, UserError) else f"{type(fault).__name__}: "
            line = " ".join(f"{cell}: {kind}{fault}".split())
            content = f"{line}\n\n{traceback.format_exc()}"
            write_atomically(self.folder.fault(cell), content.encode())
            return None
        self.folder.fault(cell).unlink(missing_ok=True)
        return result

    def _train(self, cell: Cell) -> CellResult:
        method, run = self.methods[cell.method], self.folder.run(cell)
        plan = self.terms.plan(cell, method, progress=self.progress)
        _begin(run, plan)
        with run.locked():
            contender = method.train(plan, run)
            result = measure(cell, method, contender, terms=self.terms, plan=plan, folder=run)
            write_cell(self.folder.cells, result)
            if not self.keep_models:
                shutil.rmtree(run.model, ignore_errors=True)
            run.remove_checkpoints()
        return result


def _begin(run: RunFolder, plan: Plan) -> None:
    """Begin a cell's run, or look that it may go on; one that is over is begun anew.

    Raises:
        TrainingError: it began with other settings, classes or images.
    """
    if run.metrics.exists():  # its cell was removed to be trained again
        shutil.rmtree(run.root)
    changed = changed_settings(run.recorded_settings(), plan.settings) if run.is_begun() else []
    if changed:
        raise TrainingError(
            f"{run.root}: was begun with other settings ({', '.join(changed)}); remove that folder "
            "to train the cell anew"
        )
    if run.has_facts():
        continued_facts(run, plan)
    else:
        begin(run, plan)
