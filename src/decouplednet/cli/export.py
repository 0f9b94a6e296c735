"""The command that exports a model for programs without this package."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from decouplednet.cli.options import ModelFolder

To = Annotated[
    Literal["onnx", "openvino"],
    typer.Option(help="The format: for ONNX Runtime, or OpenVINO.", show_default=False),
]
Out = Annotated[Path, typer.Option(help="Folder, new or empty.", show_default=False)]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but faults.")]


def export(model: ModelFolder, to: To, out: Out, quiet: Quiet = False) -> None:
    """Write MODEL for programs without this package, once it was compared with the original.

    OUT gets encoder and class_pass, the two graphs; model.json, the model card; and predict.py, a
    short script that predicts with them.
    """
    from decouplednet.export.export import export_model
    from decouplednet.progress import notice

    with notice(f"exporting and comparing {model}", quiet):
        exported = export_model(model, out, to=to)
    if not quiet:
        for name, size in exported.sizes.items():
            typer.echo(f"{out / name}  {_size(size)}")
        typer.echo(f"compared with {model}: {exported.agreement.in_words()}")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
