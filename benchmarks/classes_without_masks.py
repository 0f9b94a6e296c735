"""Measure what a class is worth that has tags and no mask: leave out the masks of each in turn.

``python -m benchmarks.classes_without_masks DATA --out DIR --recipe FILE.toml`` trains once with
the masks of all classes, then once for each class without its masks, whose pixels then count as
255 in the masks that are learnt from. Its tags are learnt as before, and once for all runs
(benchmarks/shared_stages.py). Runs that are done are not done again, and one that was
interrupted goes on, both only with the settings that they began with. ``DIR/table.md`` and
``DIR/results.json`` are written anew after each run.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.shared_stages import check_folder_name, check_run, finish, outcome_of
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.roles import choose_classes
from decouplednet.classes import ClassList
from decouplednet.errors import SettingsError, UsageError, UserError
from decouplednet.settings import Settings
from decouplednet.training.run_folder import RunFolder

WITH_ALL = "with-all-masks"
KINDS = ("predicted_tags", "true_tags")
_OF_PATHS = '%./\\:*?"<>|'


@dataclass(frozen=True, slots=True)
class Row:
    """The IoU of one class in two runs that differ in its masks alone.

    Args:
        name: of the class.
        tags: how it was found on the scored images: ``predicted_tags`` or ``true_tags``.
        with_masks: IoU where its masks were learnt; None where it does not occur.
        without_masks: IoU where they were not.
    """

    name: str
    tags: str
    with_masks: float | None
    without_masks: float | None

    @property
    def share(self) -> float | None:
        """How much of the IoU is left without masks; None where there is none with them."""
        if not self.with_masks or self.without_masks is None:
            return None
        return self.without_masks / self.with_masks


def run_name(left_out: str | None) -> str:
    """Return the folder of a run.

    >>> run_name(None), run_name("cat")
    ('with-all-masks', 'without-masks-of-cat')

    Signs that mean something in a path are written by their number, so that each class has a
    folder of its own:

    >>> run_name("../cat/dog")
    'without-masks-of-%2E%2E%2Fcat%2Fdog'
    """
    if left_out is None:
        return WITH_ALL
    signs = (f"%{ord(sign):02X}" if sign in _OF_PATHS else sign for sign in left_out)
    return f"without-masks-of-{''.join(signs)}"


def train_all(
    data: Path, out: Path, settings: Settings, *, progress: bool, tell: Callable[[str], None]
) -> tuple[Row, ...]:
    """Train the runs that are missing, write what came of those that are done, and return it.

    Args:
        data: the data set's folder.
        out: where the runs go.
        settings: of every run; ``data.masks_classes`` is what differs and so may not be given.
        progress: show bars.
        tell: called with a line before each run.

    Raises:
        SettingsError: ``data.masks_classes`` is given, there are fewer than two classes, one has a
            name too long for a folder, or a run that is done was given other settings.
        UserError: as ``training.run.train``.
    """
    catalogue = Catalogue.read(data)
    classes = choose_classes(catalogue.classes, settings.data)
    if settings.data.masks_classes is not None:
        raise SettingsError("data.masks_classes is what this program changes; leave it out")
    if len(classes) < 2:
        raise SettingsError("one class alone has no others whose masks could be learnt; give two")
    for name in classes:
        check_folder_name(run_name(name), f'class "{name[:40]}"')
    runs = {
        out / run_name(left_out): settings.changed(
            {"data.masks_classes": [name for name in classes if name != left_out]}
        )
        for left_out in (None, *classes)
    }
    for folder, its in runs.items():
        if not RunFolder(folder).metrics.exists():
            check_run(catalogue, its)
    for folder, its in runs.items():
        tell(folder.name)
        finish(data, folder, its, store=out / "stages", progress=progress)
        rows = rows_of(out, classes)
        content = [asdict(row) | {"share": row.share} for row in rows]
        write_atomically(out / "results.json", (json.dumps(content, indent=2) + "\n").encode())
        write_atomically(out / "table.md", table(rows).encode())
    return rows


def rows_of(out: Path, classes: ClassList) -> tuple[Row, ...]:
    """Return a row for each class and kind of tags whose two runs are done.

    Args:
        out: where the runs are; that with all masks is done.
        classes: to look for.

    Raises:
        SettingsError: no image was scored.
    """

    def iou_of(left_out: str | None, tags: str, name: str) -> float | None:
        run = RunFolder(out / run_name(left_out))
        outcome = outcome_of(run)
        scores = outcome.true_tags if tags == "true_tags" else outcome.predicted_tags
        if scores is None:
            raise SettingsError(
                f"{run.metrics}: no image was scored; name some in data.validation_split"
            )
        return scores.iou.get(name)

    done = [name for name in classes if RunFolder(out / run_name(name)).metrics.exists()]
    return tuple(
        Row(name, tags, iou_of(None, tags, name), iou_of(name, tags, name))
        for name in done
        for tags in KINDS
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table.

    >>> print(table([Row("cat", "true_tags", 0.8, 0.6)]))
    | class | tags | IoU with masks | without | share |
    |---|---|---|---|---|
    | cat | true | 0.800 | 0.600 | 75 % |
    <BLANKLINE>
    """
    lines = ["| class | tags | IoU with masks | without | share |", "|---|---|---|---|---|"]
    for row in rows:
        cells = ["-" if x is None else f"{x:.3f}" for x in (row.with_masks, row.without_masks)]
        share = "-" if row.share is None else f"{row.share:.0%}".replace("%", " %")
        lines.append(f"| {row.name} | {row.tags.split('_')[0]} | {' | '.join(cells)} | {share} |")
    return "\n".join(lines) + "\n"


def parser() -> ArgumentParser:
    """Return what reads the command line."""
    made = ArgumentParser(
        prog="python -m benchmarks.classes_without_masks",
        description="Train without the masks of each class in turn; runs that are done are left.",
    )
    made.add_argument("data", type=Path, help="the data set's folder")
    made.add_argument("--out", type=Path, required=True, help="where the runs go")
    made.add_argument("--recipe", type=Path, help="settings of every run, a TOML file")
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
        rows = train_all(given.data, given.out, settings, progress=not given.quiet, tell=_say)
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
