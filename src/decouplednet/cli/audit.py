"""The command that ranks images whose tags are probably wrong or missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decouplednet.cli.options import Device, ModelFolder
from decouplednet.counts import count

if TYPE_CHECKING:
    from rich.table import Table

    from decouplednet.audit.suspicion import Suspicion

_SHOWN = 10

Data = Annotated[Path, typer.Argument(help="The data set's folder.")]
Out = Annotated[Path, typer.Option(help="Folder of audit.csv and audit.html.")]
Split = Annotated[
    str | None,
    typer.Option(
        help="Audit these images alone: the name of a split, as in splits/NAME.txt.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but faults.")]


def audit(
    model: ModelFolder,
    data: Data,
    out: Out = Path("audit"),
    split: Split = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Rank the images of DATA whose tags are probably wrong or missing.

    Each row of audit.csv is a tag, or the lack of one, that the other images, the other tags or a
    mask speak against, the most suspicious first; audit.html shows the first images. An image that
    cannot be read is named and does not stop the rest; the exit status is then 1.
    """
    from decouplednet.audit.audit import PAGE, audit_tags
    from decouplednet.audit.table import TABLE
    from decouplednet.progress import bar

    found = audit_tags(
        model, data, out=out, split=split, device=device, progress=bar("images", quiet)
    )
    if not quiet:
        _show(found.ranked)
        rows = count(len(found.ranked), "suspicious tag")
        typer.echo(f"{rows} of {count(found.images, 'image')}: {out / TABLE}")
        typer.echo(f"page: {out / PAGE}")
    for failure in found.failures:
        typer.echo(failure, err=True)
    if found.failures:
        raise typer.Exit(1)


def _show(ranked: "Sequence[Suspicion]") -> None:
    from rich.console import Console

    if ranked:
        Console(highlight=False).print(_table(ranked[:_SHOWN]))


def _table(ranked: "Sequence[Suspicion]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("suspicion", "image", "class", "tag says", "probability")
    table.columns[0].justify = table.columns[4].justify = "right"
    table.columns[1].overflow = "fold"
    for one in ranked:
        table.add_row(
            f"{one.suspicion:.2f}",
            Text(one.image),
            Text(one.name),
            one.says,
            f"{one.probability:.2f}",
        )
    return table
