"""The command that trains several methods on the same terms and sets them side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from decouplednet.cli.interruption import Interrupted
from decouplednet.errors import UsageError

if TYPE_CHECKING:
    from decouplednet.comparison.compare import Outline
    from decouplednet.comparison.results import Comparison
    from decouplednet.settings import Settings


Data = Annotated[Path, typer.Argument(help="The data set's folder.", show_default=False)]
Out = Annotated[
    Path,
    typer.Option(
        help="The comparison's folder; what is done in it is not done again.", show_default=False
    ),
]
Methods = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Methods to train, all by default: decouplednet, improved, masks-only, one-network, "
        'activation-maps, consistency. "" only writes tables and pictures anew.',
        show_default=False,
    ),
]
Masks = Annotated[str, typer.Option(metavar="N,N", help="Masks a class to learn from.")]
Seeds = Annotated[str, typer.Option(metavar="N,N", help="Seeds of the trainings.")]
Recipe = Annotated[
    Path | None, typer.Option(help="Settings that all methods have in common.", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as side=160."),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        help="Time that the training of each cell may take, without scoring and without features "
        "of the shared cache. By default the updates of the settings; 10 minutes where they give "
        "none.",
        show_default=False,
    ),
]
Prefix = Annotated[
    str,
    typer.Option(
        help="Splits of this name and a number hold so many masks a class; without any, the masks "
        "are drawn."
    ),
]
Validation = Annotated[
    str | None, typer.Option(help="The split to score; data.validation_split.", show_default=False)
]
KeepModels = Annotated[bool, typer.Option("--keep-models", help="Keep the model of each cell.")]
ChosenDevice = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Where to compute; compute.device by default.", show_default=False),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no table and no bars.")]


def compare(
    data: Data,
    out: Out,
    methods: Methods = None,
    masks: Masks = "5,10,25",
    seeds: Seeds = "0,1,2",
    recipe: Recipe = None,
    set_: Changes = None,
    minutes: Minutes = None,
    masks_split_prefix: Prefix = "strong_",
    validation_split: Validation = None,
    keep_models: KeepModels = False,
    device: ChosenDevice = None,
    quiet: Quiet = False,
) -> None:
    """Train several methods on the same images and masks of DATA, and compare their scores.

    Each method, number of masks and seed is a cell. A cell that fails is named and does not stop
    the others; the exit status is then 1. Files of cells that were computed elsewhere may be put
    into OUT/cells.
    """
    from decouplednet.comparison.compare import compare as compare_methods

    changes = _changes(set_ or [], minutes, validation_split, device)
    names = None if methods is None else _words(methods)
    try:
        comparison = compare_methods(
            data,
            out=out,
            methods=names,
            masks=_numbers("--masks", masks),
            seeds=_numbers("--seeds", seeds),
            settings=_settings(out, recipe, changes, to_train=names != []),
            masks_split_prefix=masks_split_prefix,
            keep_models=keep_models,
            progress=not quiet,
            announce=None if quiet else _show,
            tell=None if quiet else typer.echo,
        )
    except KeyboardInterrupt:
        raise Interrupted(f"the same command goes on; what is done lies in {out}") from None
    _say(comparison, quiet)


def _changes(
    given: list[str], minutes: float | None, validation_split: str | None, device: str | None
) -> list[str]:
    """Return the changes of settings, those that have an option of their own last."""
    options = {
        "minutes": minutes,
        "data.validation_split": validation_split,
        "compute.device": device,
    }
    return [*given, *(f"{name}={value}" for name, value in options.items() if value is not None)]


def _settings(out: Path, recipe: Path | None, changes: list[str], *, to_train: bool) -> "Settings":
    """Return the settings of all cells; without a recipe, changes of those that are recorded."""
    from decouplednet.comparison.folder import ComparisonFolder
    from decouplednet.settings import Settings

    recorded = ComparisonFolder(out).settings
    if recipe is None and recorded.exists():
        # The comparison reads them again, and refuses what no cell that is missing can follow.
        return Settings.read(recorded, changes, to_train=False)
    return Settings.read(recipe, changes, to_train=to_train)


def _words(text: str) -> list[str]:
    """Return the words between commas; none of an empty text."""
    return [word.strip() for word in text.split(",")] if text.strip() else []


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError:
        raise UsageError(
            f"{option} {text}: expected whole numbers joined by commas, such as 5,25"
        ) from None


def _show(outline: "Outline") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from decouplednet.comparison.announcement import describe

    table = Table(title="This comparison", show_header=False)
    for name, value in describe(outline):
        table.add_row(Text(name), Text(value))
    Console().print(table)


def _say(comparison: "Comparison", quiet: bool) -> None:
    """Print the table and what is said of the tags; name what failed and end with status 1."""
    from decouplednet.comparison.table import score_table

    if comparison.cells and not quiet:
        folder = comparison.folder
        typer.echo("\n".join(["", *score_table(comparison.cells), ""]))
        for sentence in comparison.guard.sentences():
            typer.echo(sentence)
        typer.echo(f"table: {folder.table}\npictures: {folder.scores}, {folder.convergence}")
    for warning in comparison.guard.warnings:
        typer.echo(f"warning: {warning}", err=True)
    for line in (*comparison.refused, *comparison.faults):
        typer.echo(line, err=True)
    if comparison.refused or comparison.faults:
        raise typer.Exit(1)
