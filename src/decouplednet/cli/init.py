"""The command that starts a data set from a folder of images."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    images: Annotated[Path, typer.Argument(help="A folder of images, searched recursively.")],
) -> None:
    """Write classes.txt and tags.csv for IMAGES, to be filled in; no file is moved or overwritten.

    Sub-folders that may be names of classes give the first tags. In tags.csv, join the tags of an
    image by ";". "?" means not looked at yet, an empty cell means none of the classes is there.
    """
    from decouplednet.annotations.start import init as start

    report = start(images)
    for path in report.kept:
        typer.echo(f"kept {path}")
    for path in report.written:
        typer.echo(f"wrote {path}")
    for hint in report.hints:
        typer.echo(hint)
    typer.echo(
        f"{report.images} images, {report.tagged} tagged, {len(report.classes)} classes; next: "
        f"{_next(len(report.classes), report.images - report.tagged)}, draw masks into "
        f"{report.root / 'masks'}, then run: "
        f"decouplednet check {report.root}"
    )


def _next(classes: int, open_rows: int) -> str:
    if not classes:
        return "write the names of your classes into classes.txt and the tags into tags.csv"
    if open_rows > 0:
        return f"replace the {open_rows} '?' in tags.csv by tags, or leave those images untagged"
    return "look over the tags in tags.csv"
