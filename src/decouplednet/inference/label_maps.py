"""Predict a folder of images into a folder of label maps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.masks import write_mask
from decouplednet.errors import DataError
from decouplednet.inference.batches import PIXELS_AT_ONCE, ahead, batched, behind
from decouplednet.inference.entry import Entry, pixels_read
from decouplednet.inference.jpeg import jpeg
from decouplednet.inference.legend import LEGEND, legend
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.reading import PredictsImages
from decouplednet.inference.results_folder import (
    Earlier,
    check_nothing_lost,
    check_writable,
    earlier_results,
)
from decouplednet.inference.room import Room
from decouplednet.inference.scores_table import ScoresTable
from decouplednet.inference.sources import OVERLAYS, Source

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]


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
    predictor: PredictsImages,
    sources: Sequence[Source],
    out: Path,
    *,
    given: Mapping[str, frozenset[str]] | None = None,
    overlay: bool = False,
    room: Room | None = None,
    progress: Progress[Source] = iter,
) -> Written:
    """Predict images; write a label map for each and ``predictions.csv`` for all of them.

    While some images are predicted, the next are read and the last are written. Memory holds as
    many images as three batches at most, see ``batched``; one of which three would not fit is
    there alone.

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
        room: refuses images that do not fit into memory; None: none is refused.
        progress: shows how far the images are read; at most two batches wait after that.

    Raises:
        DataError: a file that no earlier call wrote would be written over, or ``out`` cannot be
            written; both are known before the first image. Faults of one image do not stop the
            rest.
        ModelError: the network's output is not finite.
    """
    earlier = earlier_results(out)
    check_nothing_lost(sources, earlier, overlay=overlay)
    check_writable(out)
    done, entry = _Done(ScoresTable(out)), Entry(given or {}, room)
    try:
        for _, together in groupby(progress(sources), entry.together):
            _write_each(_predicted(predictor, together, entry), earlier, done, overlay)
    finally:  # an interruption leaves a table of what is there, which a later call may replace
        done.table.finish(earlier.rows_left(done.written))
    if overlay and done.written:
        write_atomically(out / OVERLAYS / LEGEND, legend(predictor.classes))
    left = len(earlier.label_maps - done.written)
    return Written(len(done.written), left, tuple(done.failures))


@dataclass(slots=True)
class _Done:
    """What came of the images so far.

    Args:
        table: of the scores.
        written: label maps of this call.
        failures: one line each.
    """

    table: ScoresTable
    written: set[Path] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def take(self, seen: _Seen | DataError, earlier: Earlier, *, overlay: bool) -> None:
        """Write what is predicted of an image, and note that, or what was or went wrong with it."""
        try:
            if isinstance(seen, DataError):
                raise seen
            _write(seen, earlier, overlay=overlay)
            self.table.add(seen.source.listed, seen.prediction.scores)
        except DataError as fault:
            self.failures.append(str(fault))
        else:
            self.written.add(seen.source.label_map)


def _write_each(
    results: Iterable[_Seen | DataError], earlier: Earlier, done: _Done, overlay: bool
) -> None:
    """Write what is predicted in another thread, which no interruption reaches, to its end."""

    def size(seen: _Seen | DataError) -> int:
        return 0 if isinstance(seen, DataError) else seen.image[..., 0].size

    def take(seen: _Seen | DataError) -> None:
        done.take(seen, earlier, overlay=overlay)

    behind(results, take, weigh=size, most=PIXELS_AT_ONCE)


def _predicted(
    predictor: PredictsImages, sources: Iterable[Source], entry: Entry
) -> Iterator[_Seen | DataError]:
    """Yield each image that can be read with its prediction, and what is wrong with the others."""
    for batch in ahead(batched(entry.read_each(sources), weigh=pixels_read)):
        yield from (fault for fault in batch if isinstance(fault, DataError))
        read = [one for one in batch if not isinstance(one, DataError)]
        tags = [entry.given.get(source.name) for source, _ in read]
        predictions = predictor.predict([image for _, image in read], tags, class_maps=False)
        for (source, image), prediction in zip(read, predictions, strict=True):
            yield _Seen(source, image, prediction)


def _write(seen: _Seen, earlier: Earlier, *, overlay: bool) -> None:
    """Write what is predicted of an image.

    Raises:
        DataError: a file cannot be written or removed.
    """
    place = seen.source.overlay
    write_mask(seen.source.label_map, seen.prediction.label_map)
    if overlay:
        write_atomically(place, jpeg(seen.prediction.overlay(seen.image), place))
    elif place in earlier.overlays:  # it shows another label map than the one beside it
        _remove(place)


def _remove(overlay: Path) -> None:
    try:
        overlay.unlink(missing_ok=True)
    except OSError as fault:
        raise DataError(
            f"{overlay}: shows an older label map and cannot be removed: {fault.strerror}; "
            "remove it"
        ) from None
