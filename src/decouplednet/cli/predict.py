"""The command that predicts images into label maps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    from collections.abc import Iterator

    from decouplednet.classes import ClassList
    from decouplednet.inference.given_tags import GivenTags
    from decouplednet.inference.label_maps import Written
    from decouplednet.inference.predictor import Predictor
    from decouplednet.inference.sources import Sources


Images = Annotated[Path, typer.Argument(help="An image, or a folder searched recursively.")]
Out = Annotated[Path, typer.Option(help="Folder of the label maps.", show_default=False)]
Tags = Annotated[
    Path | None,
    typer.Option(
        help="CSV file image,tags: classes known to be in an image, joined by ';'; an empty cell "
        "means none. Images without a row are left to the model.",
        show_default=False,
    ),
]


Threshold = Annotated[
    float | None,
    typer.Option(
        parser=probability_of("--threshold"),
        metavar="FLOAT",
        help="Look for classes above this probability; the model's own by default, usually 0.5.",
        show_default=False,
    ),
]
_TOO_LARGE = "images with more pixels than are read at once are seen in tiles: add --tile PIXELS"

Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but faults.")]


def predict(
    model: ModelFolder,
    images: Images,
    out: Out,
    tags: Tags = None,
    threshold: Threshold = None,
    tile: Tile = None,
    overlay: Overlay = False,
    device: Device = "auto",
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Write a palette PNG of class indices for each image, and predictions.csv.

    Label maps keep the paths of their images. predictions.csv, image,class,score, has a row for
    each image and class. Images that cannot be read are named; the exit status is then 1.
    """
    from decouplednet.inference.devices import choose_device, precision_word
    from decouplednet.inference.given_tags import read_given_tags
    from decouplednet.inference.model_folder import load_model
    from decouplednet.inference.sources import find_sources

    sources = find_sources(images, out)
    segmenter = load_model(model, choose_device(device), precision)
    names = frozenset(source.name for source in sources.images)
    given = read_given_tags(tags, segmenter.classes, names) if tags else None
    predictor = segmenter.predictor(threshold=threshold)
    written = _write(predictor, tile, sources, out, given, overlay=overlay, quiet=quiet)
    if not quiet:
        computed = precision_word(segmenter.precision)
        lines = _lines(out, written, sources, given, computed, segmenter.classes, overlay=overlay)
        for line in lines:
            typer.echo(line)
    for failure in written.failures:
        typer.echo(failure, err=True)
    if tile is None and any(failure.endswith(" pixels") for failure in written.failures):
        typer.echo(_TOO_LARGE, err=True)
    if written.failures:
        raise typer.Exit(1)


def _write(
    predictor: "Predictor",
    tile: int | None,
    sources: "Sources",
    out: Path,
    given: "GivenTags | None",
    *,
    overlay: bool,
    quiet: bool,
) -> "Written":
    """Write the label maps, of images that are seen in tiles where they have a side."""
    from decouplednet.annotations.images import allowing_pixels
    from decouplednet.inference.label_maps import write_label_maps
    from decouplednet.inference.room import room_for
    from decouplednet.inference.tiles import MOST_PIXELS, TiledPredictor
    from decouplednet.progress import bar

    told, of_images = given.of if given else None, sources.images
    if tile is None:
        shown = bar("images", quiet)
        return write_label_maps(
            predictor, of_images, out, given=told, overlay=overlay, progress=shown
        )
    alone = len(of_images) == 1  # then its tiles are what takes long
    rows, shown = bar("rows of tiles", quiet or not alone), bar("images", quiet or alone)
    tiled = TiledPredictor(predictor=predictor, tile=tile, progress=rows)
    room = room_for(tiled, overlay=overlay)
    with allowing_pixels(MOST_PIXELS):
        return write_label_maps(
            tiled, of_images, out, given=told, overlay=overlay, room=room, progress=shown
        )


def _lines(
    out: Path,
    written: "Written",
    sources: "Sources",
    given: "GivenTags | None",
    computed: str,
    classes: "ClassList",
    *,
    overlay: bool,
) -> "Iterator[str]":
    """Yield what was done; nothing is said of label maps or overlays that there are none of."""
    from decouplednet.inference.sources import OVERLAYS

    if written.label_maps:
        skipped = count(sources.skipped, "file")
        images = f"{count(written.label_maps, 'image')} in {computed}"
        yield f"label maps: {out}/ ({images}; {skipped} skipped)"
        if overlay:
            yield f"overlays: {out / OVERLAYS}/"
    if written.left:
        verb = "is" if written.left == 1 else "are"
        yield f"{out}: {count(written.left, 'label map')} of an earlier call {verb} still there"
    if given:
        yield _of_tags(given, len(sources.images), classes)


def _of_tags(given: "GivenTags", images: int, classes: "ClassList") -> str:
    names = ", ".join(
        f"{name} {number}{_meant(name, classes)}" for name, number in given.unknown.items()
    )
    unknown = f"{count(sum(given.unknown.values()), 'name')} unknown to the model" + (
        f" ignored ({names})" if names else ""
    )
    return (
        f"tags of {count(len(given.of), 'image')} given, {images - len(given.of)} left to the "
        f"model; {unknown}; rows that name none of the images: {given.unmatched}"
    )


def _meant(name: str, classes: "ClassList") -> str:
    """Return the question whether a class of the model was meant, if one comes close."""
    from decouplednet.classes import nearest_name

    near = nearest_name(name, classes)
    return f", did you mean {near}?" if near else ""
