"""Predict a folder of images into a folder of label maps."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import write_mask
from decouplednet.errors import DataError
from decouplednet.inference.batches import batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.sources import Source

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]

SCORES = "predictions.csv"
_HEADER = ("image", "class", "score")

_Read = tuple[Source, NDArray[np.uint8]]
_Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of the images.

    Args:
        label_maps: how many were written.
        failures: one line for each image that could not be read, or whose label map could not be
            written.
    """

    label_maps: int
    failures: tuple[str, ...]


def write_label_maps(
    predictor: Predictor,
    sources: Sequence[Source],
    out: Path,
    *,
    given: Mapping[str, frozenset[str]] | None = None,
    overlay: bool = False,
    progress: Progress[Source] = iter,
) -> Written:
    """Predict images; write a label map for each and ``predictions.csv`` for all of them.

    ``predictions.csv`` has a row for each image that was written and each class of the model, its
    score being the class's probability in [0, 1]. Each file is written atomically.

    Args:
        predictor: predicts them.
        sources: the images and the places of their results.
        out: the folder of ``predictions.csv``.
        given: image name to the classes that replace the gate; others are left to the gate.
        overlay: also write each image with the colours of its classes.
        progress: shows how far the images are done.

    Raises:
        DataError: ``predictions.csv`` cannot be written. Faults of one image do not stop the rest.
        ModelError: the network's output is not finite.
    """
    failures, rows, written = list[str](), list[_Row](), 0
    for batch in batched(_readable(progress(sources), failures)):
        tags = [(given or {}).get(source.name) for source, _ in batch]
        predictions = predictor.predict([image for _, image in batch], tags, class_maps=False)
        for (source, image), prediction in zip(batch, predictions, strict=True):
            try:
                _write(source, prediction, prediction.overlay(image) if overlay else None)
            except DataError as fault:
                failures.append(str(fault))
                continue
            rows.extend(_rows(source, prediction))
            written += 1
    write_atomically(out / SCORES, _table(rows))
    return Written(written, tuple(failures))


def _readable(sources: Iterable[Source], failures: list[str]) -> Iterator[_Read]:
    for source in sources:
        try:
            yield source, read_image(source.image)
        except DataError as fault:
            failures.append(str(fault))


def _rows(source: Source, prediction: Prediction) -> Iterator[_Row]:
    for name, score in prediction.scores.items():
        yield source.listed, name, f"{score:.6f}"


def _table(rows: Iterable[_Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(source: Source, prediction: Prediction, overlay: NDArray[np.uint8] | None) -> None:
    write_mask(source.label_map, prediction.label_map)
    if overlay is None:
        return
    content = io.BytesIO()
    try:
        Image.fromarray(overlay).save(content, "JPEG", quality=90)
    except OSError as fault:  # JPEG ends at 65,500 pixels a side
        raise DataError(f"{source.overlay}: no JPEG can hold the overlay: {fault}") from None
    write_atomically(source.overlay, content.getvalue())
