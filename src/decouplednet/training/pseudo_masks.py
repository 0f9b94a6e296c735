"""Pseudo-masks: what a trained network makes of tagged images when it is told their tags."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import classes_in, index_table, read_mask, write_mask
from decouplednet.annotations.record import Record
from decouplednet.classes import IGNORE, ClassList
from decouplednet.inference.batches import batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""The certainties that ``choose_threshold`` chooses from."""

FEWEST_PIXELS = 0.002  # share of the image under which a tagged class counts as not found
PERHAPS = 0.5  # share of its largest value from which the map of such a class is not denied

Progress = Callable[[Sequence[Record]], Iterable[Record]]


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which certainty on pixels are believed, and what that gave on held-out masks.

    Args:
        certainty: in [0.5, 1).
        right: share of the believed pixels that were right, in [0, 1].
        believed: share of all pixels that were believed, in [0, 1].
    """

    certainty: float
    right: float
    believed: float


def choose_threshold(
    predictor: Predictor,
    catalogue: Catalogue,
    records: Sequence[Record],
    *,
    masked: ClassList,
    wanted: float,
) -> Threshold:
    """Return the lowest certainty from which pixels of held-out masks are right often enough.

    Args:
        predictor: has not learnt from these masks.
        catalogue: the data set.
        records: with masks; the network is told the classes of each.
        masked: the classes whose masks may be used; pixels of others do not count.
        wanted: share of the believed pixels that should be right, in [0, 1].

    Returns:
        The first of ``THRESHOLDS`` that reaches ``wanted``, or the highest.

    Raises:
        DataError: an image or mask cannot be read.
    """
    right, believed = np.zeros((2, len(THRESHOLDS)))
    pixels = 0
    table = index_table(catalogue.classes, predictor.classes, "ignore", masked)
    for batch in batched((record, read_image(record.image)) for record in records):
        masks = [catalogue.mask_of(record) for record, _ in batch]
        tags = [_known(classes_in(mask, catalogue.classes), predictor.classes) for mask in masks]
        for mask, prediction in zip(
            masks, predictor.predict([image for _, image in batch], tags), strict=True
        ):
            truth, sure = table[mask], certainty(prediction)
            counted = truth != IGNORE
            pixels += int(counted.sum())
            for place, threshold in enumerate(THRESHOLDS):
                kept = counted & (sure >= threshold)
                believed[place] += kept.sum()
                right[place] += (prediction.label_map == truth)[kept].sum()
    shares = right / np.maximum(believed, 1)
    enough = np.flatnonzero(shares >= wanted)
    place = int(enough[0]) if enough.size else len(THRESHOLDS) - 1
    return Threshold(
        THRESHOLDS[place], float(shares[place]), float(believed[place] / max(pixels, 1))
    )


def write_pseudo_masks(
    predictor: Predictor,
    records: Sequence[Record],
    tags: Sequence[frozenset[str] | None],
    folder: Path,
    *,
    threshold: float,
    progress: Progress = iter,
) -> tuple[Record, ...]:
    """Write a pseudo-mask for each tagged image; those that are there already are kept.

    Args:
        predictor: labels the images, told their tags.
        records: images.
        tags: classes of each; names that the model does not know do not count. None: unlabelled,
            no pseudo-mask.
        folder: a palette PNG for each, at the path of its name, in the model's ids, 255 where the
            network is not sure.
        threshold: certainty from which a pixel is believed.
        progress: shows how far the images are done.

    Returns:
        The tagged images whose pseudo-mask holds a class, with it for a mask.

    Raises:
        DataError: an image cannot be read, or the folder cannot be written.
    """
    known = {
        record.name: _known(names, predictor.classes)
        for record, names in zip(records, tags, strict=True)
        if names is not None
    }
    tagged = [record for record in records if record.name in known]
    places = {record.name: folder / f"{record.name}.png" for record in tagged}
    missing = [record for record in tagged if not places[record.name].exists()]
    for batch in batched((record, read_image(record.image)) for record in progress(missing)):
        predictions = predictor.predict(
            [image for _, image in batch], [known[record.name] for record, _ in batch]
        )
        for (record, _), prediction in zip(batch, predictions, strict=True):
            write_mask(places[record.name], pseudo_mask(prediction, predictor.classes, threshold))
    return tuple(
        Record(record.name, record.image, known[record.name], places[record.name])
        for record in tagged
        if classes_in(read_mask(places[record.name]), predictor.classes)
    )


def pseudo_mask(prediction: Prediction, classes: ClassList, threshold: float) -> NDArray[np.uint8]:
    """Return the label map of an image whose tags were given, 255 where it is not to be believed.

    A class that is not tagged cannot appear, because the network was not asked for it. One that is
    tagged but nowhere found is not denied where its map is at least ``PERHAPS`` of its largest
    value: these pixels become 255. They do not become the class: of such pixels, 18 in 100 were
    the class on photographs.

    Args:
        prediction: with class maps.
        classes: of the model.
        threshold: certainty from which a pixel is believed.

    Returns:
        (H, W) uint8 ids of ``classes``.
    """
    label_map = prediction.label_map.copy()
    label_map[certainty(prediction) < threshold] = IGNORE
    for name, class_map in prediction.class_maps.items():
        if (prediction.label_map == classes.index(name)).mean() < FEWEST_PIXELS:
            label_map[class_map >= PERHAPS * class_map.max()] = IGNORE
    return label_map


def certainty(prediction: Prediction) -> NDArray[np.float32]:
    """Return the (H, W) largest value in [0, 1] over the maps of background and all classes."""
    largest = prediction.background_map()
    for class_map in prediction.class_maps.values():
        largest = np.maximum(largest, class_map)
    return largest


def _known(names: Iterable[str], classes: ClassList) -> frozenset[str]:
    return frozenset(name for name in names if name in classes)
