"""Measure what each part of a recipe is worth: train it with one thing changed at a time.

``python -m benchmarks.ablation DATA --out DIR --recipe FILE.toml --rows ROWS.toml --seeds 0,1,2``
trains the recipe as it is and once more for each row, with every seed. Stages that runs have in
common are learnt once (benchmarks/shared_stages.py). Runs that are done are not done again, and one
that was interrupted goes on. ``DIR/table.md``, ``DIR/results.json`` and ``DIR/gains.png`` are
written anew after each run. benchmarks/ablation.toml holds rows of docs/reference/results.md.
"""

import json
import sys
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.ablation_chart import gains_picture
from benchmarks.ablation_table import AS_IT_IS, Cell, gains_of, table
from benchmarks.seeds import add_seeds, gives_seed, read_seeds
from benchmarks.shared_stages import check_folder_name, check_run, finish
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.errors import SettingsError, UsageError, UserError
from decouplednet.report.finished_run import Outcome
from decouplednet.settings import Settings
from decouplednet.training.run_folder import RunFolder

DONE, REFUSED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def read_rows(file: Path | None) -> dict[str, tuple[str, ...]]:
    """Return the changes of each row, the recipe as it is first.

    Args:
        file: TOML, ``"what is changed" = ["section.key=value", ...]``; None: no other row.

    Raises:
        SettingsError: it cannot be read, a row is no list of changes, has a name that cannot be a
            folder's, is named like another one, or gives a seed.
    """
    rows: dict[str, tuple[str, ...]] = {AS_IT_IS: ()}
    if file is None:
        return rows
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as fault:
        raise SettingsError(f"{file}: cannot be read: {fault}") from None
    folders = {folder_of(AS_IT_IS, 0): AS_IT_IS}
    for name, changes in content.items():
        if name == AS_IT_IS:
            raise SettingsError(
                f'{file}: row "{name}": so is the row called that changes nothing; choose another '
                "name"
            )
        check_folder_name(folder_of(name, 0), f'{file}: row "{name[:40]}"')
        alike = folders.setdefault(folder_of(name, 0), name)
        if alike != name:
            raise SettingsError(f'{file}: rows "{alike}" and "{name}": name them less alike')
        if not isinstance(changes, list) or not all(isinstance(one, str) for one in changes):
            raise SettingsError(
                f'{file}: row "{name}": expected a list of changes such as '
                '["prediction.flip=false"]'
            )
        _check_seedless(name, changes, file)
        rows[name] = tuple(changes)
    return rows


def _check_seedless(row: str, changes: Sequence[str], file: Path) -> None:
    for change in changes:
        if gives_seed(change):
            raise SettingsError(
                f'{file}: row "{row}": {change}: every row is trained with each seed of --seeds; '
                "give it there"
            )


def settings_of(
    recipe: Path | None, changes: Sequence[str], rows: Path | None
) -> dict[str, Settings]:
    """Return the settings of each row.

    Args:
        recipe: that all rows start from; None: the defaults.
        changes: of all rows, as given to ``--set``.
        rows: file of the rows; None: the recipe as it is alone.

    Raises:
        SettingsError: the recipe, the rows or a row's settings are refused.
        UsageError: a change of all rows is refused.
    """
    found = {}
    for row, own in read_rows(rows).items():
        with _named(rows, row):
            found[row] = Settings.read(recipe, [*changes, *own])
    return found


def check(
    data: Path, out: Path, settings: Mapping[str, Settings], seeds: Sequence[int], rows: Path | None
) -> None:
    """Refuse what cannot be trained of the runs that are missing, before anything is trained.

    Args:
        data: the data set's folder.
        out: where the runs go.
        settings: of each row.
        seeds: of the runs of each row.
        rows: file of the rows, for the message.

    Raises:
        UserError: as ``check_run``.
    """
    missing = [
        (row, seed)
        for row in settings
        for seed in seeds
        if not RunFolder(out / folder_of(row, seed)).metrics.exists()
    ]
    if missing:
        catalogue = Catalogue.read(data)
        for row, seed in missing:
            with _named(rows, row):
                check_run(catalogue, settings[row].changed({"seed": seed}))


@contextmanager
def _named(rows: Path | None, row: str) -> Iterator[None]:
    """Say of what is refused meanwhile which row of which file asked for it."""
    try:
        yield
    except UserError as fault:
        if row == AS_IT_IS:
            raise
        told = str(fault).removeprefix("--set").lstrip(": ")
        raise SettingsError(f'{rows}: row "{row}": {told}') from None


def folder_of(row: str, seed: int) -> str:
    """Return the folder of a run.

    >>> folder_of("no flip, one scale", 2)
    'no-flip-one-scale-2'
    """
    words = "".join(letter if letter.isalnum() else " " for letter in row).split()
    return "-".join([*words, str(seed)])


def measure(
    data: Path,
    out: Path,
    settings: Mapping[str, Settings],
    seeds: Sequence[int],
    *,
    progress: bool,
    tell: Callable[[str], None],
) -> tuple[Cell, ...]:
    """Train the runs that are missing, write what came of those that are done, and return it.

    Args:
        data: the data set's folder.
        out: where the runs go.
        settings: of each row.
        seeds: of the runs of each row; all rows are trained with one before the next.
        progress: show bars.
        tell: called with a line before each run.

    Raises:
        SettingsError: no image is kept for scoring.
        UserError: as ``training.run.train``.
    """
    cells: list[Cell] = []
    for seed in seeds:
        for row, its in settings.items():
            name = folder_of(row, seed)
            tell(name)
            outcome = finish(
                data,
                out / name,
                its.changed({"seed": seed}),
                store=out / "stages",
                progress=progress,
            )
            cells.append(_cell(row, seed, outcome))
            _write(out, cells)
    return tuple(cells)


def _cell(row: str, seed: int, outcome: Outcome) -> Cell:
    predicted, told = outcome.predicted_tags, outcome.true_tags
    if predicted is None or told is None:
        raise SettingsError(
            f"{folder_of(row, seed)}: no image was scored; name some in data.validation_split"
        )
    return Cell(row, seed, predicted.miou, told.miou, predicted.tag_map)


def _write(out: Path, cells: Sequence[Cell]) -> None:
    content = json.dumps([asdict(cell) for cell in cells], indent=2) + "\n"
    write_atomically(out / "results.json", content.encode())
    write_atomically(out / "table.md", table(cells).encode())
    gained = gains_of(cells)
    if gained:
        write_atomically(out / "gains.png", gains_picture(gained))


def parser() -> ArgumentParser:
    """Return what reads the command line."""
    made = ArgumentParser(
        prog="python -m benchmarks.ablation",
        description="Train a recipe with one thing changed at a time; runs that are done are left.",
    )
    made.add_argument("data", type=Path, help="the data set's folder")
    made.add_argument("--out", type=Path, required=True, help="where the runs go")
    made.add_argument("--recipe", type=Path, help="settings of every run, a TOML file")
    made.add_argument("--rows", type=Path, help="what is changed in each row, a TOML file")
    add_seeds(made)
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    made.add_argument("--quiet", action="store_true", help="show no bars")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print the table, and return the exit status.

    Args:
        arguments: words of the command line; None: those this process was started with.

    Returns:
        0 done, 1 refused, 2 wrong use, 130 interrupted.
    """
    given: Namespace = parser().parse_args(arguments)
    try:
        settings = settings_of(given.recipe, given.changes, given.rows)
        seeds = read_seeds(given.seeds, given.changes, settings[AS_IT_IS].seed)
        check(given.data, given.out, settings, seeds, given.rows)
        progress = not given.quiet
        cells = measure(given.data, given.out, settings, seeds, progress=progress, tell=_say)
    except UserError as fault:
        sys.stderr.write(f"benchmarks: {' '.join(str(fault).split())}\n")
        return WRONG_USE if isinstance(fault, UsageError) else REFUSED
    except KeyboardInterrupt:
        sys.stderr.write(f"benchmarks: interrupted; the same command goes on in {given.out}\n")
        return INTERRUPTED
    _say(table(cells))
    return DONE


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
