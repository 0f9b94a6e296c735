"""The command that scores a model on a split of a data set."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decouplednet.cli.options import Device, ModelFolder
from decouplednet.counts import count

if TYPE_CHECKING:
    from rich.table import Table

    from decouplednet.evaluation.evaluation import Evaluation


Data = Annotated[Path, typer.Argument(help="The data set's folder.")]
Split = Annotated[
    str,
    typer.Option(
        help="The images to score: the name of a split, as in splits/NAME.txt.", show_default=False
    ),
]
Tags = Annotated[
    bool, typer.Option("--tags", help="Give the model the true classes of each image.")
]
Out = Annotated[
    Path | None, typer.Option(help="Also write the scores as JSON.", show_default=False)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="Show no progress, and no table if --out is given.")
]


def evaluate(
    model: ModelFolder,
    data: Data,
    split: Split,
    tags: Tags = False,
    out: Out = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Score MODEL on the masks of a split of DATA.

    Classes are matched by name; pixels of all other classes are left out or are background, as
    in training. An image that cannot be read is named and does not stop the rest; the exit status
    is then 1.
    """
    from decouplednet.annotations.files import write_atomically
    from decouplednet.evaluation.evaluate import evaluate as evaluate_model
    from decouplednet.progress import bar

    if out is not None:
        _check_place(out)
    scores = evaluate_model(
        model, data, split=split, tags=tags, device=device, progress=bar("images", quiet)
    )
    if out is None or not quiet:
        _show(scores, split)
    if out is not None:
        content = json.dumps(scores.to_json(), indent=2, ensure_ascii=False)
        write_atomically(out, f"{content}\n".encode())
        if not quiet:
            typer.echo(f"scores: {out}")
    for failure in scores.failures:
        typer.echo(failure, err=True)
    if scores.failures:
        raise typer.Exit(1)


def _check_place(out: Path) -> None:
    """Refuse a place that the scores cannot be written to, before they are computed."""
    from decouplednet.errors import DataError
    from decouplednet.inference.results_folder import check_writable

    if out.is_dir():
        raise DataError(
            f"{out}: is a folder; --out names the file of the scores, such as {out / 'scores.json'}"
        )
    check_writable(out.parent)


def _show(scores: "Evaluation", split: str) -> None:
    from rich.console import Console

    from decouplednet.evaluation.scores import RULE

    given = "true tags" if scores.true_tags else "predicted tags"
    console = Console(highlight=False, soft_wrap=True)
    console.print(_table(scores, f"{split}, {given}"))
    lines = [
        f"mean IoU {_text(scores.miou)} over {scores.classes_averaged} classes of "
        f"{count(scores.images, 'image')} with {given}",
        f"mean average precision of the tags {_text(scores.tag_map)}",
        f"rule: {RULE}",
    ]
    if scores.without_mask:
        lines.append(f"left out: {count(scores.without_mask, 'image')} of the split without a mask")
    if scores.unknown_classes:
        lines.append(f"not in the data set: {', '.join(scores.unknown_classes)}")
    for line in lines:
        console.print(line, markup=False)


def _table(scores: "Evaluation", title: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("class", "IoU", "tag AP", title=Text(title))
    table.columns[1].justify = table.columns[2].justify = "right"
    precision = [math.nan, *scores.tag_precision.tolist()]
    for (name, iou), tag in zip(scores.iou.items(), precision, strict=True):
        table.add_row(Text(name), _text(iou), _text(tag))
    return table


def _text(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
