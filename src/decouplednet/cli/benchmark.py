"""The command that says how fast a preset runs on this machine."""

import json
from pathlib import Path
from typing import Annotated

import typer

from decouplednet.cli.options import Device

Preset = Annotated[str, typer.Option(help="One with VGG convolutions; its weights are random.")]
Out = Annotated[Path | None, typer.Option(help="JSON file for all figures.", show_default=False)]
Side = Annotated[
    int | None, typer.Option(help="Side of the frame in pixels.", show_default="the preset's")
]
Classes = Annotated[int, typer.Option(help="Classes that the network knows.")]
Repetitions = Annotated[int, typer.Option(help="How often each piece of work is timed.")]
Images = Annotated[
    int, typer.Option(help="Images of a folder over which memory is watched; 0 for none.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no bars and no tables.")]


def benchmark(
    preset: Preset = "vgg16",
    out: Out = None,
    side: Side = None,
    classes: Classes = 20,
    repetitions: Repetitions = 5,
    images: Images = 1000,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Time a preset on this machine, stage by stage, and against other ways to do the same.

    Everything is timed in turns, so that whatever slows the machine slows all of it. A run of the
    preset vgg16 takes about 25 minutes on two processor cores, one of tiny less than one.
    """
    from rich.console import Console

    from decouplednet.annotations.files import write_atomically
    from decouplednet.benchmark.run import Wanted
    from decouplednet.benchmark.run import benchmark as measure
    from decouplednet.benchmark.tables import tables

    wanted = Wanted(
        preset=preset,
        side=side,
        classes=classes,
        repetitions=repetitions,
        images=images,
        device=device,
        quiet=quiet,
    )
    report = measure(wanted)
    if out:
        write_atomically(out, json.dumps(report.to_json(), indent=2).encode() + b"\n")
    if not quiet:
        console = Console()
        for table in tables(report):
            console.print(table)
