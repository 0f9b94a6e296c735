"""The command line: one place where commands meet, and where a fault becomes its one line."""

import sys
from typing import Annotated

import typer

from decouplednet.cli.check import check
from decouplednet.cli.demo import demo
from decouplednet.cli.evaluate import evaluate
from decouplednet.cli.info import info
from decouplednet.cli.init import init
from decouplednet.cli.predict import predict
from decouplednet.cli.report import report
from decouplednet.cli.train import train
from decouplednet.errors import UsageError, UserError

REFUSED, WRONG_USE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="decouplednet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (check, init, train, predict, evaluate, report, info, demo):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"decouplednet {version('decouplednet')}")
        raise typer.Exit


@app.callback()
def decouplednet(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Train a segmenter from many images with tags and a handful with masks, and use it."""
    del version


def main() -> None:
    """Run the command line; a user's fault is one line on standard error."""
    try:
        app()
    except UserError as fault:
        typer.echo(f"decouplednet: {' '.join(str(fault).split())}", err=True)
        sys.exit(WRONG_USE if isinstance(fault, UsageError) else REFUSED)
    except KeyboardInterrupt:
        typer.echo("decouplednet: interrupted", err=True)
        sys.exit(INTERRUPTED)
