"""The command that makes data, trains on them and reports."""

from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from decouplednet.cli.options import Device

_USUAL_PLACE = Path("runs") / "demo"


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for data, runs and demo.json, new or empty; runs/demo by default, or "
            "runs/demo-2, ... when that is taken.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the data and the training.")] = 0,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no bars.")] = False,
) -> None:
    """Make pictures, train on their tags and a few masks, score, and write a report."""
    from time import perf_counter

    started = perf_counter()
    from decouplednet.demo.run import run_demo

    finished = run_demo(
        out or _free_place(), seed=seed, device=device, started=started, progress=not quiet
    )
    scores = finished.scores
    typer.echo(
        f"report: {finished.report}\n"
        f"mean IoU {scores['miou']:.3f} with the tags of {scores['tagged_images']} images and "
        f"{scores['masked_images']} masks; {scores['miou_masks_only']:.3f} with the masked images "
        f"only (over {scores['test_images']} other images)\n"
        f"{scores['seconds_after_install']:.0f} seconds; all numbers: {finished.result}"
    )


def _free_place() -> Path:
    """Return the usual folder, or the first with a number behind it that is not there yet."""
    if not _USUAL_PLACE.exists():
        return _USUAL_PLACE
    places = (_USUAL_PLACE.with_name(f"{_USUAL_PLACE.name}-{number}") for number in count(2))
    return next(place for place in places if not place.exists())
