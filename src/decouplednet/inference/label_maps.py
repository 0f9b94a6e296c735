"""Predict a folder of images into a folder of label maps."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
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
from decouplednet.inference.legend import LEGEND, legend
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.results_folder import (
    HEADER,
    SCORES,
    Earlier,
    Row,
    check_nothing_lost,
    check_writable,
    earlier_results,
)
from decouplednet.inference.sources import OVERLAYS, Source

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]

_Read = tuple[Source, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """An image (H, W, 3) of a source, and what is predicted of it."""

    source: Source
    image: NDArray[np.uint8]
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Written:
    """What came of the images.

    Args:
        label_maps: how many were written.
        left: how many of an earlier call are still in the folder.
        failures: one line for each image that could not be read, or whose label map could not be
            written.
    """

    label_maps: int
    left: int
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
    score being the class's probability in [0, 1]. Each file is written atomically. What an earlier
    call wrote is written over or keeps its rows; its overlay of an image that is predicted anew
    goes, where none is asked for now.

    Args:
        predictor: predicts them.
        sources: the images and the places of their results.
        out: the folder of ``predictions.csv``.
        given: image name to the classes that replace the gate; others are left to the gate.
        overlay: also write each image with the colours of its classes, and their legend.
        progress: shows how far the images are done.

    Raises:
        DataError: a file that no earlier call wrote would be written over, or ``out`` cannot be
            written; both are known before the first image. Faults of one image do not stop the
            rest.
        ModelError: the network's output is not finite.
    """
    earlier = earlier_results(out)
    check_nothing_lost(sources, earlier, overlay=overlay)
    check_writable(out)
    rows, failures = dict(earlier.rows), list[str]()
    written = set[Path]()
    try:
        for seen in _predicted(predictor, progress(sources), given or {}, failures):
            try:
                _write(seen, earlier, overlay=overlay)
            except DataError as fault:
                failures.append(str(fault))
                continue
            written.add(seen.source.label_map)
            rows[seen.source.label_map] = tuple(_rows(seen))
    finally:  # an interruption leaves a table of what is there, which a later call may replace
        write_atomically(out / SCORES, _table(chain.from_iterable(rows.values())))
    if overlay and written:
        write_atomically(out / OVERLAYS / LEGEND, legend(predictor.classes))
    return Written(len(written), len(earlier.rows.keys() - written), tuple(failures))


def _predicted(
    predictor: Predictor,
    sources: Iterable[Source],
    given: Mapping[str, frozenset[str]],
    failures: list[str],
) -> Iterator[_Seen]:
    """Yield each image that can be read with its prediction; the others become ``failures``."""
    for batch in batched(_readable(sources, failures)):
        tags = [given.get(source.name) for source, _ in batch]
        predictions = predictor.predict([image for _, image in batch], tags, class_maps=False)
        for (source, image), prediction in zip(batch, predictions, strict=True):
            yield _Seen(source, image, prediction)


def _readable(sources: Iterable[Source], failures: list[str]) -> Iterator[_Read]:
    for source in sources:
        try:
            yield source, read_image(source.image)
        except DataError as fault:
            failures.append(str(fault))


def _rows(seen: _Seen) -> Iterator[Row]:
    for name, score in seen.prediction.scores.items():
        yield seen.source.listed, name, f"{score:.6f}"


def _table(rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(seen: _Seen, earlier: Earlier, *, overlay: bool) -> None:
    place = seen.source.overlay
    write_mask(seen.source.label_map, seen.prediction.label_map)
    if overlay:
        write_atomically(place, _jpeg(seen.prediction.overlay(seen.image), place))
    elif place in earlier.overlays:  # it shows another label map than the one beside it
        _remove(place)


def _jpeg(overlay: NDArray[np.uint8], place: Path) -> bytes:
    content = io.BytesIO()
    try:
        Image.fromarray(overlay).save(content, "JPEG", quality=90)
    except OSError as fault:  # JPEG ends at 65,500 pixels a side
        raise DataError(f"{place}: no JPEG can hold the overlay: {fault}") from None
    return content.getvalue()


def _remove(overlay: Path) -> None:
    try:
        overlay.unlink(missing_ok=True)
    except OSError as fault:
        raise DataError(
            f"{overlay}: shows an older label map and cannot be removed: {fault.strerror}; "
            "remove it"
        ) from None
