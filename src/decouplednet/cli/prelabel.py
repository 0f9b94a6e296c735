"""The command that pre-labels a data set for a tool in which people correct it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from decouplednet.cli.interruption import prelabelling
from decouplednet.cli.options import (
    Device,
    ModelFolder,
    Overlay,
    Precision,
    Tile,
    probability_of,
)
from decouplednet.counts import count

if TYPE_CHECKING:
    from decouplednet.prelabel.job import Prelabels


Data = Annotated[Path, typer.Argument(help="The data set's folder.", show_default=False)]
Out = Annotated[
    Path, typer.Option(help="Folder of the pre-labels, new or empty.", show_default=False)
]
To = Annotated[
    Literal["masks", "voc", "coco", "cvat", "label-studio"],
    typer.Option("--format", help="What the tool imports: masks, voc, coco, cvat or label-studio."),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="Images to choose from: the name of a split, as in splits/NAME.txt; all by default.",
        show_default=False,
    ),
]
Every = Annotated[
    bool,
    typer.Option(
        "--all",
        help="Also images that have a mask, and those without tags, which the model decides.",
    ),
]
Hard = Annotated[bool, typer.Option("--hard", help="Segment nothing but the tagged classes.")]
SuggestAbove = Annotated[
    float,
    typer.Option(
        parser=probability_of("--suggest-above"),
        metavar="FLOAT",
        help="Segment a class that nobody tagged too from this probability on, unless --hard.",
    ),
]
Certainty = Annotated[
    float | None,
    typer.Option(
        parser=probability_of("--certainty"),
        metavar="FLOAT",
        help="Leave pixels open whose certainty is lower; none by default.",
        show_default=False,
    ),
]
MinConfidence = Annotated[
    float,
    typer.Option(
        parser=probability_of("--min-confidence"),
        metavar="FLOAT",
        help="Leave out images whose confidence is lower.",
    ),
]
Unsure = Annotated[
    Literal["label", "drop"],
    typer.Option(
        help="Of open pixels in the tool: label calls them 'unsure', drop gives them to nothing."
    ),
]
Polygons = Annotated[
    bool, typer.Option("--polygons", help="Areas as polygons; of --format coco and cvat.")
]
CopyImages = Annotated[
    bool, typer.Option("--copy-images", help="Copy the images too; of --format voc.")
]
ImageRoot = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where Label Studio finds the images; by default it serves them as local files.",
        show_default=False,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what lies in --out.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but faults.")]


def prelabel(
    model: ModelFolder,
    data: Data,
    out: Out,
    to: To = "masks",
    split: Split = None,
    every: Every = False,
    hard: Hard = False,
    suggest_above: SuggestAbove = 0.95,
    certainty: Certainty = None,
    min_confidence: MinConfidence = 0.0,
    unsure: Unsure = "label",
    polygons: Polygons = False,
    copy_images: CopyImages = False,
    image_root: ImageRoot = None,
    tile: Tile = None,
    overlay: Overlay = False,
    resume: Resume = False,
    device: Device = "auto",
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Segment the tagged images of DATA under their tags, for people to correct in their own tool.

    Images that have a mask are left out. OUT gets masks/, the files of the format, prelabels.csv,
    which has the surest images first, and vetoes.csv, where tags and model disagree. An image that
    cannot be read is named and does not stop the rest; the exit status is then 1.
    """
    from decouplednet.prelabel.prelabel import write_prelabels

    write = partial(write_prelabels, model, data, out=out, to=to, split=split, every=every)
    write = partial(write, hard=hard, suggest_above=suggest_above, certainty=certainty)
    write = partial(write, min_confidence=min_confidence, unsure=unsure, polygons=polygons)
    write = partial(write, copy_images=copy_images, image_root=image_root, tile=tile)
    write = partial(write, overlay=overlay, resume=resume, device=device, precision=precision)
    with prelabelling(out):
        made = write(progress=not quiet)
    for line in () if quiet else _lines(made, min_confidence, overlay=overlay):
        typer.echo(line)
    for failure in made.failures:
        typer.echo(failure, err=True)
    if made.failures:
        raise typer.Exit(1)


def _lines(made: "Prelabels", min_confidence: float, *, overlay: bool) -> Iterator[str]:
    """Yield what was done."""
    before = f"; {made.before} segmented before" if made.before else ""
    files = ", ".join(map(str, made.files))
    yield f"pre-labels: {files} ({count(made.written, 'image')} in {made.computed}{before})"
    if made.under:
        yield (
            f"left out: {count(made.under, 'image')} of confidence under {min_confidence:g}, in "
            f"{made.folder / 'left_out'}/"
        )
    if made.untagged or made.masked:
        yield (
            f"not asked for: {made.untagged} without tags, {made.masked} with a mask (--all takes "
            "these too)"
        )
    kinds = ", ".join(f"{number} {kind}" for kind, number in made.disagreements.items())
    yield f"tags and model: {kinds} ({made.folder / 'vetoes.csv'})"
    if made.unknown:
        yield f"classes that the model does not know: {', '.join(made.unknown)}"
    yield f"ranking: {made.folder / 'prelabels.csv'}, the surest first"
    if overlay:
        yield f"overlays: {made.folder / 'overlays'}/"
