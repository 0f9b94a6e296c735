"""Score a model on the masks of a data set, image by image."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import classes_in, index_table
from decouplednet.annotations.record import Record
from decouplednet.errors import DataError
from decouplednet.evaluation.evaluation import Evaluation
from decouplednet.evaluation.tally import Tally
from decouplednet.inference.batches import ahead, batched
from decouplednet.inference.devices import choose_device, choose_precision
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.reading import PredictsImages
from decouplednet.inference.segmenter import Segmenter

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
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
    threshold: float | None = None,
    device: str | None = None,
    precision: str = "32",
    progress: Progress[Record] = iter,
) -> Evaluation:
    """Return the scores of a model on a split of a data set.

    Args:
        model: itself, or the path of a run or model folder.
        data: itself, or its path.
        split: name of the images to score.
        tags: give the network the true classes of each image, in place of its gate.
        threshold: a class is identified above this probability, in [0, 1]; None: the model's.
        device: ``auto``, ``cpu`` or ``cuda``; None: where a segmenter is, ``auto`` for a path.
        precision: ``auto``, ``32``, ``bf16``, ``fp16`` or ``int8``, see ``load_model``.
        progress: shows how far the images are done.

    Raises:
        DataError: the data set or the split cannot be used, or no image of it can be scored.
        DeviceError: the device or precision is not on this machine.
        ModelError: the model cannot be loaded.
    """
    if not isinstance(split, str):
        raise DataError(f"split = {split!r}: expected the name of one split, such as 'val'")
    catalogue = data if isinstance(data, Catalogue) else Catalogue.read(Path(data))
    records = catalogue.split(split)
    if isinstance(model, Segmenter):
        segmenter = _moved(model, device)
        computed = choose_precision(precision, segmenter.device)
    else:
        segmenter = load_model(model, device or "auto", precision)
        computed = segmenter.precision
    predictor = segmenter.predictor(threshold=threshold, precision=computed)
    return evaluate_records(predictor, catalogue, records, tags=tags, progress=progress)


def evaluate_records(
    predictor: PredictsImages,
    catalogue: Catalogue,
    records: Sequence[Record],
    *,
    tags: bool = False,
    progress: Progress[Record] = iter,
) -> Evaluation:
    """Return the scores of predictions on some images of a data set, at each mask's own size.

    Classes are matched by name; pixels of other classes are 255 or background, as in training.
    Images without a mask are counted; one that cannot be read becomes a line of ``failures``.

    Args:
        predictor: of a model, such as ``Segmenter.predictor()``, or of another method.
        catalogue: the data set.
        records: of the catalogue.
        tags: give it the true classes, of the row and of the mask, in place of its gate.
        progress: shows how far the images are done.

    Raises:
        DataError: the data set has no class of the model, or no image can be scored.
    """
    (scores,) = _evaluate(predictor, catalogue, records, (tags,), progress)
    return scores


def evaluate_both(
    predictor: PredictsImages,
    catalogue: Catalogue,
    records: Sequence[Record],
    *,
    progress: Progress[Record] = iter,
) -> tuple[Evaluation, Evaluation]:
    """Return the scores with predicted and with true tags.

    They are those of ``evaluate_records`` but for the rounding of sums: each image is read and
    encoded once, and other maps are decoded together.

    Args:
        predictor: as there.
        catalogue: the data set.
        records: of the catalogue.
        progress: shows how far the images are done.

    Raises:
        DataError: as there.
    """
    predicted, told = _evaluate(predictor, catalogue, records, (False, True), progress)
    return predicted, told


def _evaluate(
    predictor: PredictsImages,
    catalogue: Catalogue,
    records: Sequence[Record],
    tellings: Sequence[bool],
    progress: Progress[Record],
) -> list[Evaluation]:
    """Return the scores for each telling: True where the network is given the true tags."""
    unknown = unknown_classes(predictor, catalogue)
    masked = _masked(catalogue, records)
    tallies, failures = [Tally(predictor.classes) for _ in tellings], list[str]()
    examples = read_examples(predictor, catalogue, progress(masked), failures)
    for batch in ahead(batched(examples, weigh=lambda one: one.truth.size)):
        _count(batch, predictor, tellings, tallies)
    if len(failures) == len(masked):
        raise DataError(f"{failures[0]} (no image could be scored; {len(masked)} failed)")
    return [
        tally.evaluation(
            true_tags=told,
            without_mask=len(records) - len(masked),
            unknown_classes=unknown,
            failures=tuple(failures),
        )
        for told, tally in zip(tellings, tallies, strict=True)
    ]


def _moved(segmenter: Segmenter, device: str | None) -> Segmenter:
    if device is not None:
        segmenter.network.to(choose_device(device))
    return segmenter


def unknown_classes(predictor: PredictsImages, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the classes of a model that a data set does not have.

    Raises:
        DataError: it has none of them.
    """
    unknown = tuple(name for name in predictor.classes if name not in catalogue.classes)
    if len(unknown) == len(predictor.classes):
        raise DataError(
            f"{catalogue.root}: has none of the model's classes ({', '.join(unknown)}); "
            f"its classes are {', '.join(catalogue.classes)}"
        )
    return unknown


def _masked(catalogue: Catalogue, records: Sequence[Record]) -> list[Record]:
    masked = [record for record in records if record.mask is not None]
    if not masked:
        raise DataError(f"{catalogue.root}: none of the {len(records)} images to score has a mask")
    return masked


def read_examples(
    predictor: PredictsImages, catalogue: Catalogue, records: Iterable[Record], failures: list[str]
) -> Iterator[Example]:
    """Yield the records that can be read, in terms of the predictor's classes.

    Args:
        predictor: whose classes and ``others`` decide what the pixels of a mask become.
        catalogue: the data set.
        records: of the catalogue, with masks.
        failures: gets a line for each record that cannot be read.
    """
    table = index_table(catalogue.classes, predictor.classes, predictor.others)
    for record in records:
        try:
            image, mask = read_image(record.image), catalogue.mask_of(record)
        except DataError as fault:
            failures.append(str(fault))
            continue
        every = classes_in(mask, catalogue.classes) | (record.tags or frozenset())
        known = frozenset(name for name in every if name in predictor.classes)
        yield Example(record.name, image, table[mask], known)


def _count(
    batch: list[Example],
    predictor: PredictsImages,
    tellings: Sequence[bool],
    tallies: Sequence[Tally],
) -> None:
    """Add a batch to the tally of each telling; all of them in one prediction."""
    predictions = predictor.predict(
        [example.image for _ in tellings for example in batch],
        [example.tags if told else None for told in tellings for example in batch],
        class_maps=False,
    )
    for number, tally in enumerate(tallies):
        of_telling = predictions[number * len(batch) :][: len(batch)]
        for example, prediction in zip(batch, of_telling, strict=True):
            tally.add(example.name, prediction, example.truth, example.tags)
