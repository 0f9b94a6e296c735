"""Arguments that several commands share, so that they mean the same everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ModelFolder = Annotated[Path, typer.Argument(help="A run folder or its model/.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(help="Where to compute; auto takes a GPU if there is one."),
]
Precision = Annotated[
    Literal["auto", "32", "bf16", "fp16", "int8"],
    typer.Option(
        help="Of the matrix products; auto takes bf16 where the hardware multiplies it natively, "
        "else 32. int8 needs prepare-int8."
    ),
]
