"""Arguments that several commands share, so that they mean the same everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ModelFolder = Annotated[Path, typer.Argument(help="A run folder or its model/.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(help="Where to compute; auto takes a GPU if there is one."),
]
