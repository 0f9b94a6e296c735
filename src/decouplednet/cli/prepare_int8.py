"""The command that prepares a model for computing in 8 bits."""

from pathlib import Path
from typing import Annotated

import typer

from decouplednet.cli.options import Device, ModelFolder
from decouplednet.counts import count

Images = Annotated[
    Path, typer.Argument(help="A folder of photographs such as it was trained on, or one of them.")
]
Most = Annotated[int, typer.Option("--images", min=1, help="How many photographs are seen.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but faults.")]


def prepare_int8(
    model: ModelFolder,
    images: Images,
    most: Most = 32,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Measure how large the activations of MODEL become, which predict --precision int8 needs.

    What is measured is written into the model's model.json. Tags and masks are not looked at.
    """
    from decouplednet.inference.activation_ranges import prepare_int8 as prepare
    from decouplednet.progress import bar

    shown = bar("images", quiet)
    ranges = prepare(model, images, count=most, device=device, progress=shown)
    if not quiet:
        typer.echo(
            f"{model}: the ranges of activations are known at {count(len(ranges), 'place')} now"
        )
