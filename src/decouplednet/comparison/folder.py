"""The folder of a comparison: what is written where, and which cells lie in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.files import read_text, write_atomically
from decouplednet.comparison.cell import Cell, CellResult, Digests
from decouplednet.comparison.terms import Terms
from decouplednet.errors import DataError, SettingsError
from decouplednet.evaluation.json_file import read_json
from decouplednet.recipe import toml_lines
from decouplednet.settings import Settings
from decouplednet.training.choices import with_absolute_paths
from decouplednet.training.run import changed_settings
from decouplednet.training.run_folder import CELLS, RunFolder


@dataclass(frozen=True, slots=True)
class Found:
    """The cells that lie in a folder.

    Args:
        cells: in the order of their names.
        refused: one line for each file that is no cell of this comparison.
    """

    cells: tuple[CellResult, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComparisonFolder:
    """Paths of a comparison.

    Args:
        root: the folder given to ``--out``.
    """

    root: Path

    @property
    def settings(self) -> Path:
        """The settings that all cells have in common; written first."""
        return self.root / "settings.toml"

    @property
    def cells(self) -> Path:
        """One file for each cell that is done, here or elsewhere."""
        return self.root / CELLS

    @property
    def splits(self) -> Path:
        """The lists of images that were drawn, as a data set has them."""
        return self.root / "splits"

    @property
    def table(self) -> Path:
        """The table for reading."""
        return self.root / "table.md"

    @property
    def sheet(self) -> Path:
        """The table for computing."""
        return self.root / "table.csv"

    @property
    def results(self) -> Path:
        """All cells in one file."""
        return self.root / "results.json"

    @property
    def scores(self) -> Path:
        """The picture of scores over masks."""
        return self.root / "scores.png"

    @property
    def convergence(self) -> Path:
        """The picture of all losses."""
        return self.root / "convergence.png"

    def file(self, cell: Cell) -> Path:
        """Return the file of a cell."""
        return self.cells / f"{cell.name}.json"

    def run(self, cell: Cell) -> RunFolder:
        """Return the folder in which a cell is trained."""
        return RunFolder(self.root / "runs" / cell.name)

    def fault(self, cell: Cell) -> Path:
        """Return the file that says why a cell failed; its first line is the sentence."""
        return self.run(cell).root / "fault.txt"

    def settings_to_use(self, given: Settings | None, *, to_train: bool = True) -> Settings:
        """Return the settings of all cells: those of the comparison that lies here, if one does.

        Args:
            given: for this call; None: those recorded, or the defaults.
            to_train: cells will be trained by them, see ``Settings.read``.

        Raises:
            SettingsError: others were recorded, or what is recorded is damaged.
            DataError: something else lies here.
        """
        if not self.settings.exists() or RunFolder(self.root).has_facts():
            self._check_unused()
            return with_absolute_paths(given or Settings())
        recorded = Settings.read(self.settings, to_train=to_train)
        changed = changed_settings(recorded, given) if given else []
        if given and changed:
            raise SettingsError(
                f"{self.root}: a comparison goes on with the settings that it began with; "
                f"different now: {', '.join(changed)}; compare in another folder"
            )
        return recorded.model_copy(update={"compute": given.compute}) if given else recorded

    def begin(self, settings: Settings, drawn: Mapping[str, Sequence[str]]) -> None:
        """Write what all cells have in common, the settings if they are not there.

        Only those that were given are written: the others are left to each run, which chooses by
        what it learns from.

        Args:
            settings: of all cells.
            drawn: the lists of images that were drawn, by the name of their split.

        Raises:
            DataError: the folder cannot be written.
        """
        if not self.settings.exists():
            given = settings.model_dump(exclude_unset=True, exclude_none=True, mode="json")
            write_atomically(self.settings, "".join(toml_lines(given)).encode())
        for split, names in drawn.items():
            content = "".join(f"{name}\n" for name in names)
            write_atomically(self.splits / f"{split}.txt", content.encode())

    def find(self, terms: Terms) -> Found:
        """Return the cells that are done; one that was given other images is refused.

        Args:
            terms: of the comparison.
        """
        digests: dict[int, Digests] = {}
        cells, refused = [], []
        for path in sorted(self.cells.glob("*.json")):
            try:
                cells.append(_read(path, terms, digests))
            except DataError as fault:
                refused.append(str(fault))
        return Found(tuple(cells), tuple(refused))

    def faults(self) -> tuple[str, ...]:
        """Return the sentence of each cell that failed when it was last tried."""
        return tuple(map(_first_line, sorted((self.root / "runs").glob("*/fault.txt"))))

    def sentence(self, cell: Cell) -> str:
        """Return the sentence of a cell that failed."""
        return _first_line(self.fault(cell))

    def _check_unused(self) -> None:
        if not self.root.exists() or (self.cells.is_dir() and not self.settings.exists()):
            return
        if not self.root.is_dir() or any(self.root.iterdir()):
            raise DataError(
                f"{self.root}: neither a comparison nor an empty folder; choose another"
            )


def _first_line(file: Path) -> str:
    return read_text(file).partition("\n")[0]


def _read(path: Path, terms: Terms, digests: dict[int, Digests]) -> CellResult:
    """Return the cell of a file.

    Args:
        path: the file.
        terms: of the comparison.
        digests: by number of masks, those computed before; one that is missing is added.

    Raises:
        DataError: the file is damaged, its name is not the cell's, or it was given other classes,
            images, masks or tags than the comparison.
    """
    result = read_json(path, CellResult)
    cell = result.cell
    if path.stem != cell.name:
        raise DataError(f"{path}: holds the cell {cell}; name it {cell.name}.json")
    wanted = ("background", *terms.classes)
    found = tuple(result.predicted_tags.iou)
    if found != wanted:
        raise DataError(
            f"{path}: its classes are {', '.join(found)}, those of this comparison "
            f"{', '.join(wanted)}; left out"
        )
    if cell.masks not in digests:
        try:
            digests[cell.masks] = terms.digests(cell.masks)
        except DataError as fault:
            raise DataError(f"{path}: {fault}; left out") from None
    own = digests[cell.masks]
    for what, its, ours in (
        ("was scored on other images or masks", result.digests.scored, own.scored),
        ("learnt from other masks", result.digests.masks, own.masks),
        ("was given other tags to learn from", result.digests.tags, own.tags),
    ):
        if its != ours:
            raise DataError(
                f"{path}: {what} than the cells of this comparison (digest {its[:12]}, here "
                f"{ours[:12]}); left out. Remove it to train the cell here"
            )
    return result
