"""Arguments that several commands share, so that they mean the same everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from decouplednet.errors import UsageError

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


def probability_of(option: str) -> Callable[[str], float]:
    """Return what reads a probability.

    Args:
        option: its name, for the message.
    """

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise UsageError(f"{option}: {text}: expected a probability, a number from 0 to 1")
        return number

    return read


Tile = Annotated[
    int | None,
    typer.Option(
        help="See an image whose longer side has more pixels in tiles of so many, at least 32; "
        "without it every image is seen as a whole.",
        metavar="PIXELS",
        show_default=False,
    ),
]
Overlay = Annotated[bool, typer.Option("--overlay", help="Also write pictures into OUT/overlays/.")]
