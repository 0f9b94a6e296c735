"""The command line: one place where commands meet, and where a fault becomes its one line."""

import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer
from typer.exceptions import TyperException

from decouplednet.cli.audit import audit
from decouplednet.cli.backend import backend
from decouplednet.cli.benchmark import benchmark
from decouplednet.cli.check import check
from decouplednet.cli.compare import compare
from decouplednet.cli.demo import demo
from decouplednet.cli.evaluate import evaluate
from decouplednet.cli.export import export
from decouplednet.cli.faults import of_system, wrong_use
from decouplednet.cli.help_words import Command, Group
from decouplednet.cli.info import info
from decouplednet.cli.init import init
from decouplednet.cli.interruption import Interrupted
from decouplednet.cli.predict import predict
from decouplednet.cli.prelabel import prelabel
from decouplednet.cli.prepare_int8 import prepare_int8
from decouplednet.cli.report import report
from decouplednet.cli.train import train
from decouplednet.errors import UsageError, UserError

REFUSED, WRONG_USE, INTERRUPTED = 1, 2, 130  # exit statuses; 130 is the shell's for Ctrl-C

app = typer.Typer(
    name="decouplednet",
    cls=Group,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    check,
    init,
    train,
    predict,
    prelabel,
    evaluate,
    report,
    audit,
    prepare_int8,
    export,
    compare,
    info,
    backend,
    benchmark,
    demo,
)
for command in COMMANDS:
    app.command(cls=Command)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"decouplednet {version('decouplednet')}")
        raise typer.Exit


@app.callback()
def decouplednet(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Train a segmenter from many images with tags and a handful with masks, and use it."""
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(WRONG_USE)


def main() -> None:
    """Run the command line; a user's fault is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    status = run()
    try:
        sys.stdout.flush()
    except OSError:  # said already; Python would try again at its end, and complain
        with suppress(OSError):
            sys.stdout.close()
    sys.exit(status)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 refused or failed, 2 wrong use.

    Ctrl-C is 130, as shells have it.

    Args:
        arguments: the words after ``decouplednet``; None: those this process was started with.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = app(words, prog_name="decouplednet", standalone_mode=False)
        sys.stdout.flush()
    except UserError as fault:
        return _say(str(fault), WRONG_USE if isinstance(fault, UsageError) else REFUSED)
    except TyperException as fault:
        return _say(wrong_use(fault.format_message(), words, _names()), WRONG_USE)
    except OSError as fault:
        return _say(of_system(fault), REFUSED)
    except Interrupted as stop:
        return _say(f"interrupted; {stop}", INTERRUPTED)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:  # typer makes this status of Ctrl-C by itself, and says nothing
        return _say("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _names() -> list[str]:
    return [each.callback.__name__ for each in app.registered_commands if each.callback]


def _say(message: str, status: int) -> int:
    typer.echo(f"decouplednet: {' '.join(message.split())}", err=True)
    return status
