"""Measure what a class is worth that has tags and no mask: leave out the masks of each in turn.

``python -m benchmarks.classes_without_masks DATA --out DIR --recipe FILE.toml --seeds 0,1,2``
trains once with the masks of all classes, then once for each class without its masks, whose pixels
then count as 255 in the masks that are learnt from; all of it with one seed before the next. Tags
are learnt as before, and once for all runs of a seed (benchmarks/shared_stages.py). Runs that are
done are not done again, and one that was interrupted goes on, both only with the settings that they
began with. ``DIR/table.md`` and ``DIR/results.json`` are written anew after each run.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.seeds import add_seeds, read_seeds
from benchmarks.shared_stages import check_folder_name, check_run, finish, outcome_of
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.roles import choose_classes
from decouplednet.classes import ClassList
from decouplednet.comparison.rows import spread
from decouplednet.errors import SettingsError, UsageError, UserError
from decouplednet.settings import Settings
from decouplednet.training.run_folder import RunFolder

WITH_ALL = "with-all-masks"
KINDS = ("predicted_tags", "true_tags")
HEAD = ("class", "tags", "IoU with masks", "without", "share", "lowest seed's share", "seeds")
_OF_PATHS = '%./\\:*?"<>|'


@dataclass(frozen=True, slots=True)
class Row:
    """The IoU of one class in two runs that differ in its masks alone.

    Args:
        name: of the class.
        seed: of both runs.
        tags: how it was found on the scored images: ``predicted_tags`` or ``true_tags``.
        with_masks: IoU where its masks were learnt; None where it does not occur.
        without_masks: IoU where they were not.
    """

    name: str
    seed: int
    tags: str
    with_masks: float | None
    without_masks: float | None

    @property
    def share(self) -> float | None:
        """How much of the IoU is left without masks; None where there is none with them."""
        if not self.with_masks or self.without_masks is None:
            return None
        return self.without_masks / self.with_masks


def run_name(left_out: str | None, seed: int) -> str:
    """Return the folder of a run.

    >>> run_name(None, 0), run_name("cat", 2)
    ('with-all-masks-0', 'without-masks-of-cat-2')

    Signs that mean something in a path are written by their number, so that each class has a
    folder of its own:

    >>> run_name("../cat/dog", 0)
    'without-masks-of-%2E%2E%2Fcat%2Fdog-0'
    """
    if left_out is None:
        return f"{WITH_ALL}-{seed}"
    signs = (f"%{ord(sign):02X}" if sign in _OF_PATHS else sign for sign in left_out)
    return f"without-masks-of-{''.join(signs)}-{seed}"


def train_all(
    data: Path,
    out: Path,
    settings: Settings,
    seeds: Sequence[int],
    *,
    progress: bool,
    tell: Callable[[str], None],
) -> tuple[Row, ...]:
    """Train the runs that are missing, write what came of those that are done, and return it.

    Args:
        data: the data set's folder.
        out: where the runs go.
        settings: of every run but for the seed; ``data.masks_classes`` is what differs and so may
            not be given.
        seeds: of the runs.
        progress: show bars.
        tell: called with a line before each run.

    Raises:
        SettingsError: ``data.masks_classes`` is given, there are fewer than two classes, one has a
            name too long for a folder, or a run that is done was given other settings.
        UserError: as ``training.run.train``.
    """
    catalogue = Catalogue.read(data)
    classes = choose_classes(catalogue.classes, settings.data)
    _check(classes, settings, seeds)
    runs = {
        out / run_name(left_out, seed): settings.changed(
            {"data.masks_classes": [name for name in classes if name != left_out], "seed": seed}
        )
        for seed in seeds
        for left_out in (None, *classes)
    }
    for folder, its in runs.items():
        if not RunFolder(folder).metrics.exists():
            check_run(catalogue, its)
    for folder, its in runs.items():
        tell(folder.name)
        finish(data, folder, its, store=out / "stages", progress=progress)
        rows = rows_of(out, classes, seeds)
        content = [asdict(row) | {"share": row.share} for row in rows]
        write_atomically(out / "results.json", (json.dumps(content, indent=2) + "\n").encode())
        write_atomically(out / "table.md", table(rows).encode())
    return rows


def _check(classes: ClassList, settings: Settings, seeds: Sequence[int]) -> None:
    if settings.data.masks_classes is not None:
        raise SettingsError("data.masks_classes is what this program changes; leave it out")
    if len(classes) < 2:
        raise SettingsError("one class alone has no others whose masks could be learnt; give two")
    for name in classes:
        check_folder_name(run_name(name, max(seeds)), f'class "{name[:40]}"')


def rows_of(out: Path, classes: ClassList, seeds: Sequence[int]) -> tuple[Row, ...]:
    """Return a row for each class, kind of tags and seed whose two runs are done.

    Args:
        out: where the runs are.
        classes: to look for.
        seeds: to look for.

    Raises:
        SettingsError: no image was scored.
    """

    def iou_of(left_out: str | None, seed: int, tags: str, name: str) -> float | None:
        run = RunFolder(out / run_name(left_out, seed))
        outcome = outcome_of(run)
        scores = outcome.true_tags if tags == "true_tags" else outcome.predicted_tags
        if scores is None:
            raise SettingsError(
                f"{run.metrics}: no image was scored; name some in data.validation_split"
            )
        return scores.iou.get(name)

    def is_done(left_out: str | None, seed: int) -> bool:
        return RunFolder(out / run_name(left_out, seed)).metrics.exists()

    return tuple(
        Row(name, seed, tags, iou_of(None, seed, tags, name), iou_of(name, seed, tags, name))
        for name in classes
        for tags in KINDS
        for seed in seeds
        if is_done(None, seed) and is_done(name, seed)
    )


def table(rows: Sequence[Row]) -> str:
    """Return a line for each class and kind of tags: mean ± standard deviation over the seeds.

    The share is that of the means.

    Args:
        rows: in any order; a class is averaged over the seeds with which it has both numbers.

    >>> print(table([Row("cat", 0, "true_tags", 0.8, 0.6), Row("cat", 1, "true_tags", 0.6, 0.3)]))
    | class | tags | IoU with masks | without | share | lowest seed's share | seeds |
    |---|---|---|---|---|---|---|
    | cat | true | 0.700 ± 0.141 | 0.450 ± 0.212 | 64 % | 50 % | 2 |
    <BLANKLINE>
    """
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    for name, tags in dict.fromkeys((row.name, row.tags) for row in rows):
        its = [row for row in rows if (row.name, row.tags) == (name, tags)]
        lines.append(f"| {name} | {tags.split('_')[0]} | {' | '.join(_numbers(its))} |")
    return "\n".join(lines) + "\n"


def _numbers(rows: Sequence[Row]) -> list[str]:
    """Return what the table says of the seeds of a class."""
    both = [row for row in rows if None not in (row.with_masks, row.without_masks)]
    its, other = (spread(row.with_masks for row in both), spread(row.without_masks for row in both))
    shares = [row.share for row in both if row.share is not None]
    of_means = other.mean / its.mean if its and other and its.mean else None
    return [
        *(each.stated() if each else "-" for each in (its, other)),
        *map(_percent, (of_means, min(shares, default=None))),
        str(len(both)),
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def parser() -> ArgumentParser:
    """Return what reads the command line."""
    made = ArgumentParser(
        prog="python -m benchmarks.classes_without_masks",
        description="Train without the masks of each class in turn; runs that are done are left.",
    )
    made.add_argument("data", type=Path, help="the data set's folder")
    made.add_argument("--out", type=Path, required=True, help="where the runs go")
    made.add_argument("--recipe", type=Path, help="settings of every run, a TOML file")
    add_seeds(made)
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    made.add_argument("--quiet", action="store_true", help="show no bars")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print the table, and return the exit status.

    That is 0 done, 1 refused, 2 wrong use, 130 interrupted.

    Args:
        arguments: words of the command line; None: those this process was started with.
    """
    given: Namespace = parser().parse_args(arguments)
    try:
        settings = Settings.read(given.recipe, given.changes)
        seeds = read_seeds(given.seeds, given.changes, settings.seed)
        progress = not given.quiet
        rows = train_all(given.data, given.out, settings, seeds, progress=progress, tell=_say)
    except UserError as fault:
        sys.stderr.write(f"benchmarks: {' '.join(str(fault).split())}\n")
        return 2 if isinstance(fault, UsageError) else 1
    except KeyboardInterrupt:
        sys.stderr.write(f"benchmarks: interrupted; the same command goes on in {given.out}\n")
        return 130
    _say(table(rows))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
