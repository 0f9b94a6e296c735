"""Score a model on the masks of a data set, image by image."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import classes_in, index_table
from decouplednet.annotations.record import Record
from decouplednet.errors import DataError
from decouplednet.evaluation.evaluation import Evaluation
from decouplednet.evaluation.tally import Tally
from decouplednet.inference.devices import choose_device, choose_precision
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.predictor import THRESHOLD, Predictor
from decouplednet.inference.segmenter import Segmenter

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]

_IMAGES_AT_ONCE = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Example:
    """A record that was read: image (H, W, 3), truth (H, W) in the model's indices, its tags."""

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    tags: frozenset[str]


def evaluate(
    model: Segmenter | Path | str,
    data: Catalogue | Path | str,
    *,
    split: str,
    tags: bool = False,
    threshold: float = THRESHOLD,
    device: str | None = None,
    precision: str = "32",
    progress: Progress[Record] = iter,
) -> Evaluation:
    """Return the scores of a model on a split of a data set.

    Args:
        model: a segmenter, or the path of a run or model folder.
        data: a catalogue, or the path of a data set.
        split: name of the images to score.
        tags: give the network the true classes of each image, in place of its gate.
        threshold: a class is identified above this probability, in [0, 1].
        device: ``auto``, ``cpu`` or ``cuda``, where a segmenter is moved to; None: where it is,
            and ``auto`` for a path.
        precision: ``auto``, ``32``, ``bf16`` or ``fp16``.
        progress: shows how far the images are done.

    Raises:
        DataError: the data set or the split cannot be used, or no image of it can be scored.
        DeviceError: the device or precision is not on this machine.
        ModelError: the model cannot be loaded.
    """
    catalogue = data if isinstance(data, Catalogue) else Catalogue.read(Path(data))
    records = catalogue.split(split)
    if isinstance(model, Segmenter):
        segmenter = model
        if device is not None:
            segmenter.network.to(choose_device(device))
    else:
        segmenter = load_model(model, device or "auto")
    return evaluate_records(
        segmenter,
        catalogue,
        records,
        tags=tags,
        threshold=threshold,
        precision=choose_precision(precision, segmenter.device),
        progress=progress,
    )


def evaluate_records(
    segmenter: Segmenter,
    catalogue: Catalogue,
    records: Sequence[Record],
    *,
    tags: bool = False,
    threshold: float = THRESHOLD,
    precision: torch.dtype | None = None,
    progress: Progress[Record] = iter,
) -> Evaluation:
    """Return the scores of a model on some images of a data set, each at its mask's own size.

    Classes are matched by name; pixels of the data set's other classes become what they were in
    training: 255 or background. Images without a mask are left out and counted.

    Args:
        segmenter: the model.
        catalogue: the data set.
        records: images of it.
        tags: give the network the true classes of each image, in place of its gate: its row
            united with the classes in its mask.
        threshold: a class is identified above this probability, in [0, 1].
        precision: type of the matrix products; None for float32 throughout.
        progress: shows how far the images are done.

    Raises:
        DataError: the data set has none of the model's classes, or no image can be scored. A
            single image that cannot be read becomes a line of ``failures``.
    """
    _check_classes(segmenter, catalogue)
    masked = [record for record in records if record.mask is not None]
    if not masked:
        raise DataError(f"{catalogue.root}: none of the {len(records)} images to score has a mask")
    tally, failures = Tally(segmenter.classes), list[str]()
    predictor = segmenter.predictor(threshold=threshold, precision=precision)
    readable = _examples(segmenter, catalogue, progress(masked), failures)
    for batch in _batches(readable):
        _count(batch, predictor, tally, tags=tags)
    if len(failures) == len(masked):
        raise DataError(f"{failures[0]} (no image could be scored; {len(masked)} failed)")
    return tally.evaluation(
        true_tags=tags,
        without_mask=len(records) - len(masked),
        unknown_classes=tuple(n for n in segmenter.classes if n not in catalogue.classes),
        failures=tuple(failures),
    )


def _check_classes(segmenter: Segmenter, catalogue: Catalogue) -> None:
    if not any(name in catalogue.classes for name in segmenter.classes):
        raise DataError(
            f"{catalogue.root}: has none of the model's classes ({', '.join(segmenter.classes)}); "
            f"its classes are {', '.join(catalogue.classes)}"
        )


def _examples(
    segmenter: Segmenter, catalogue: Catalogue, records: Iterable[Record], failures: list[str]
) -> Iterator[_Example]:
    """Yield the records that can be read; the others become lines of ``failures``."""
    table = index_table(catalogue.classes, segmenter.classes, segmenter.others)
    for record in records:
        try:
            image, mask = read_image(record.image), catalogue.mask_of(record)
        except DataError as fault:
            failures.append(str(fault))
            continue
        every = classes_in(mask, catalogue.classes) | (record.tags or frozenset())
        known = frozenset(name for name in every if name in segmenter.classes)
        yield _Example(record.name, image, table[mask], known)


def _batches(examples: Iterable[_Example]) -> Iterator[list[_Example]]:
    batch: list[_Example] = []
    for example in examples:
        batch.append(example)
        if len(batch) == _IMAGES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _count(batch: list[_Example], predictor: Predictor, tally: Tally, *, tags: bool) -> None:
    predictions = predictor.predict(
        [example.image for example in batch],
        [example.tags if tags else None for example in batch],
        class_maps=False,
    )
    for example, prediction in zip(batch, predictions, strict=True):
        tally.add(example.name, prediction, example.truth, example.tags)
