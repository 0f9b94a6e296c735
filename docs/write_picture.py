"""Draw the pictures of the documentation from a finished demo.

Run it from the checkout after ``make demo``::

    .venv/bin/python docs/write_picture.py runs/demo docs/pictures/demo.png
    .venv/bin/python docs/write_picture.py --failures runs/demo docs/pictures/failures.png

In the first, each row is a held-out picture, the map of each class that the network identified in
it, and the label map laid over it. The rows are the first pictures, by name, that hold three
classes: they are not chosen by their result.

In the second, each row is the worst held-out picture of a kind of failure: a class that is there
was not identified, one that is not there was, and the classes are right but not where they are.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import classes_in
from decouplednet.annotations.record import Record
from decouplednet.demo.compose import TEST
from decouplednet.errors import DataError, UserError
from decouplednet.evaluation.scores import confusion, mean_iou
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.segmenter import Segmenter
from decouplednet.report.examples import truth_of

ROWS, MOST_MAPS, CLASSES_SHOWN = 3, 3, 3
KINDS = ("a class is missed", "a class is invented", "the classes are right, the places are not")
TILE_INCHES, DOTS_PER_INCH = 1.45, 110


def draw(demo: Path, out: Path) -> None:
    """Write the picture of a demo.

    Args:
        demo: the folder that the demo filled: ``data/`` and ``run/``.
        out: the PNG.

    Raises:
        DataError: there is no such demo, or no held-out picture holds three classes.
        ModelError: its model is damaged.
    """
    catalogue = Catalogue.read(demo / "data")
    segmenter = load_model(demo / "run")
    records = [r for r in catalogue.split(TEST) if _class_count(catalogue, r) == CLASSES_SHOWN]
    if not records:
        raise DataError(f"{demo}: no held-out picture holds {CLASSES_SHOWN} classes")
    shown = sorted(records, key=lambda record: record.name)[:ROWS]
    columns = 2 + MOST_MAPS
    size = (columns * TILE_INCHES, len(shown) * TILE_INCHES * 1.12)
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    axes = figure.subplots(len(shown), columns, squeeze=False)
    for row, record in zip(axes, shown, strict=True):
        image = read_image(record.image)
        _draw_row(list(row), image, segmenter.predict(image))
    _save(figure, out)


def _save(figure: Figure, out: Path) -> None:
    drawn, content = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png")
    # A palette makes the file a third of the size.
    Image.open(drawn).convert("RGB").quantize(256).save(content, "png", optimize=True)
    write_atomically(out, content.getvalue())


def _class_count(catalogue: Catalogue, record: Record) -> int:
    return len(catalogue.tags_of(record) or ())


def _draw_row(axes: list[Axes], image: NDArray[np.uint8], prediction: Prediction) -> None:
    for place in axes:
        place.set_axis_off()
    axes[0].imshow(image)
    axes[0].set_title("picture", fontsize=8)
    maps = list(prediction.class_maps.items())[:MOST_MAPS]
    for place, (name, class_map) in zip(axes[1:], maps, strict=False):
        place.imshow(class_map, cmap="viridis", vmin=0, vmax=1)
        place.set_title(f"map of {name}", fontsize=8)
    axes[-1].imshow(prediction.overlay(image, strength=0.7))
    axes[-1].set_title("label map", fontsize=8)


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """A held-out picture that went wrong.

    Args:
        kind: one of ``KINDS``.
        image: (H, W, 3) uint8.
        truth: (H, W) uint8, its mask.
        predicted: with the classes that the network identified.
        told: with its true classes.
        miou: of ``predicted``; with the classes right, of ``told``.
    """

    kind: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    predicted: Prediction
    told: Prediction
    miou: float


def draw_failures(demo: Path, out: Path) -> None:
    """Write the picture of a demo's worst results, one of each kind of failure that occurs.

    Args:
        demo: the folder that the demo filled: ``data/`` and ``run/``.
        out: the PNG.

    Raises:
        DataError: there is no such demo, or it has no held-out picture.
        ModelError: its model is damaged.
    """
    catalogue = Catalogue.read(demo / "data")
    segmenter = load_model(demo / "run")
    worst: dict[str, Failure] = {}
    for record in catalogue.split(TEST):
        found = _look(segmenter, catalogue, record)
        if found.kind not in worst or found.miou < worst[found.kind].miou:
            worst[found.kind] = found
    if not worst:
        raise DataError(f"{demo}: no held-out picture")
    shown = [worst[kind] for kind in KINDS if kind in worst]
    size = (4 * TILE_INCHES * 1.3, len(shown) * TILE_INCHES * 1.5)
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    axes = figure.subplots(len(shown), 4, squeeze=False)
    for row, failure in zip(axes, shown, strict=True):
        _draw_failure(list(row), failure)
    _save(figure, out)


def _look(segmenter: Segmenter, catalogue: Catalogue, record: Record) -> Failure:
    image, truth = read_image(record.image), truth_of(segmenter, catalogue, record)
    present = classes_in(truth, segmenter.classes)
    predicted, told = segmenter.predict(image), segmenter.predict(image, present)
    identified = frozenset(predicted.identified)
    missed, invented, misplaced = KINDS
    kind = missed if present - identified else invented if identified - present else misplaced
    judged = told if kind == misplaced else predicted
    miou, _ = mean_iou(confusion(judged.label_map, truth, len(segmenter.classes)))
    return Failure(kind, image, truth, predicted, told, miou)


def _draw_failure(axes: list[Axes], failure: Failure) -> None:
    found = ", ".join(failure.predicted.identified) or "nothing"
    there = ", ".join(failure.told.identified) or "nothing"
    truth = replace(failure.told, label_map=failure.truth)
    pictures = (
        (failure.kind, failure.image),
        (f"drawn: {there}", truth.overlay(failure.image, strength=0.7)),
        (f"found: {found}", failure.predicted.overlay(failure.image, strength=0.7)),
        ("told what is there", failure.told.overlay(failure.image, strength=0.7)),
    )
    for place, (title, picture) in zip(axes, pictures, strict=True):
        place.set_axis_off()
        place.imshow(picture)
        place.set_title(fill(title, 26), fontsize=7)


def main(arguments: Sequence[str]) -> int:
    """Draw the picture that the command line asks for; return the exit status."""
    worst = "--failures" in arguments
    paths = [Path(word) for word in arguments if word != "--failures"]
    if len(paths) != 2:
        sys.stderr.write("expected two arguments: DEMO_FOLDER PICTURE.png\n")
        return 2
    try:
        (draw_failures if worst else draw)(*paths)
    except UserError as fault:
        sys.stderr.write(f"write_picture: {fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
