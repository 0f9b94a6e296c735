"""Draw README's picture from a finished demo.

Run it from the checkout after ``make demo``::

    .venv/bin/python docs/write_picture.py runs/demo docs/pictures/demo.png

Each row is a held-out picture, the map of each class that the network identified in it, and the
label map laid over it. The rows are the first pictures, by name, that hold three classes: they are
not chosen by their result.
"""

import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.images import read_image
from decouplednet.annotations.record import Record
from decouplednet.demo.compose import TEST
from decouplednet.errors import DataError, UserError
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.prediction import Prediction

ROWS, MOST_MAPS, CLASSES_SHOWN = 3, 3, 3
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


def main(arguments: Sequence[str]) -> int:
    """Draw the picture that the command line asks for; return the exit status."""
    if len(arguments) != 2:
        sys.stderr.write("expected two arguments: DEMO_FOLDER PICTURE.png\n")
        return 2
    try:
        draw(Path(arguments[0]), Path(arguments[1]))
    except UserError as fault:
        sys.stderr.write(f"write_picture: {fault}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
