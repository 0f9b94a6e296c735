"""``decouplednet train``: all stages, the scores and the report."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from decouplednet.cli.interruption import resumable
from decouplednet.counts import count

if TYPE_CHECKING:
    from decouplednet.training.plan import Plan


Data = Annotated[Path, typer.Argument(help="The data set's folder.", show_default=False)]
Out = Annotated[Path, typer.Option(help="The run's folder, new or empty.", show_default=False)]
Recipe = Annotated[
    Path | None, typer.Option(help="Settings of the run, a TOML file.", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as seed=1."),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Time for all of it, report included; what is not given is chosen to fit, the preset "
        "and stage 3 too.",
        show_default=False,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that lies in --out.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(help="Where to compute; compute.device by default.", show_default=False),
]


def train(
    data: Data,
    out: Out,
    recipe: Recipe = None,
    set_: Changes = None,
    minutes: Minutes = None,
    resume: Resume = False,
    device: Device = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no table and no bars.")] = False,
) -> None:
    """Train a segmenter from the tags and masks of DATA.

    An image to score that cannot be read is named and does not stop the rest; the exit status is
    then 1.
    """
    started = perf_counter()
    from decouplednet.settings import Settings
    from decouplednet.training.run import train as train_run

    options = {"compute.device": device, "minutes": minutes}
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    changes = [*(set_ or []), *given]
    recorded = _recorded_recipe(out) if resume else None
    with resumable(data, out):
        settings = Settings.read(recipe or recorded, changes)
        run = train_run(
            data,
            out=out,
            settings=settings,
            resume=resume,
            progress=not quiet,
            announce=None if quiet else _show,
            started=started,
        )
    page = _report(run.folder, settings.compute.device, quiet)
    if not quiet:
        _say_result(run.metrics, run.folder, page)
    _exit_if_failed(run.metrics)


def _recorded_recipe(out: Path) -> Path:
    """Return the settings that the run to resume began with."""
    from decouplednet.training.run_folder import RunFolder

    RunFolder(out).check_begun()
    return RunFolder(out).settings


def _show(plan: "Plan") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from decouplednet.training.announcement import describe
    from decouplednet.training.estimate import operations_per_second

    rate = operations_per_second(plan.machine.device, plan.machine.precision)
    table = Table(title="This run", show_header=False)
    for name, value in describe(plan, rate):
        table.add_row(Text(name), Text(value))
    Console().print(table)


def _report(folder: Path, device: str, quiet: bool) -> Path:
    """Write the report, its pictures computed where the run was; return the page."""
    from decouplednet.progress import bar
    from decouplednet.report.write import write_report

    return write_report(folder, device=device, progress=bar("pictures", quiet))


def _say_result(metrics: dict[str, Any], folder: Path, page: Path) -> None:
    for name, scores in metrics.items():
        miou = "-" if scores["miou"] is None else f"{scores['miou']:.3f}"
        images = count(scores["images"], "image")
        typer.echo(
            f"mean IoU {miou} over {scores['classes_averaged']} classes of {images}, "
            f"{name.replace('_', ' ')}"
        )
    if not metrics:
        typer.echo("no score: no image with a mask was held out (data.validation_split names some)")
    typer.echo(f"model:  {folder / 'model'}\nreport: {page}")


def _exit_if_failed(metrics: dict[str, Any]) -> None:
    """Name the images that could not be scored, each once; end with status 1 if there are any."""
    failures = dict.fromkeys(line for scores in metrics.values() for line in scores["failures"])
    for line in failures:
        typer.echo(line, err=True)
    if failures:
        raise typer.Exit(1)
