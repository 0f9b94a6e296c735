"""The command that writes the page about a run."""

from pathlib import Path
from typing import Annotated

import typer

from decouplednet.cli.options import Device


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Where the data set lies now, if it was moved since the training.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        bool, typer.Option(help="Show images and maps, which needs the data set.")
    ] = True,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Write RUN/report.html: scores, curves, images and maps of a finished run, in one file."""
    from decouplednet.progress import bar
    from decouplednet.report.write import write_report

    page = write_report(
        run, data=data, pictures=pictures, device=device, progress=bar("images", quiet)
    )
    if not quiet:
        typer.echo(f"report: {page}")
