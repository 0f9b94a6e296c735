"""Pseudo-masks: what a trained network makes of tagged images when it is told their tags."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import image_size, read_image
from decouplednet.annotations.mask_content import index_mask
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.annotations.masks import (
    check_mask,
    classes_in,
    index_table,
    read_mask,
    write_mask,
)
from decouplednet.annotations.record import Record
from decouplednet.classes import IGNORE, ClassList
from decouplednet.errors import DataError, TrainingError
from decouplednet.evaluation.abstention import lowest_reaching, share_right
from decouplednet.inference.batches import ahead, batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Procedure
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.training.plan import Plan

CERTAINTIES = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Those that ``choose_belief`` chooses from."""

FEWEST_PIXELS = 0.002  # share of the image under which a tagged class counts as not found
LEVELS = 100  # of a map's value, in which doubt is chosen
HIGHEST_DOUBT = 0.5  # a map above it is the winner, as the maps of a pixel sum to 1
# Our choice: without it, a class that is missed in a tenth of its held-out pixels would leave every
# pixel open that it does not win.
LOWEST_DOUBT = 0.1
PERHAPS = 0.5  # share of its largest value from which the map of such a class is not denied

Progress = Callable[[Sequence[Record]], Iterable[Record]]


@dataclass(frozen=True, slots=True)
class Belief:
    """From where on pixels are believed, and what that gave on held-out masks.

    Args:
        certainty: from which a pixel is believed, in [0.5, 1).
        right: share of the believed pixels that were right, in [0, 1].
        believed: share of all pixels that were believed, in [0, 1].
        doubt: of each class, the value of its map from which a pixel is not given to anything
            else, in [0, 1].
    """

    certainty: float
    right: float
    believed: float
    doubt: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """What is counted on held-out masks.

    Args:
        right: (T,) believed and right pixels, for each of ``CERTAINTIES``.
        believed: (T,) believed pixels.
        pixels: that count.
        own: (L, LEVELS) pixels of each class by the value of its own map.
    """

    right: NDArray[np.int64]
    believed: NDArray[np.int64]
    pixels: int
    own: NDArray[np.int64]

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(
            self.right + other.right,
            self.believed + other.believed,
            self.pixels + other.pixels,
            self.own + other.own,
        )


def teacher(network: DecoupledNet, plan: Plan) -> Predictor:
    """Return what labels images for stage 3, in the precision of the training.

    Args:
        network: moved to the run's device.
        plan: of the run.
    """
    settings = plan.settings.self_training
    return Predictor(
        network=network.to(plan.machine.device),
        classes=plan.classes,
        frame=plan.frame,
        device=plan.machine.device,
        precision=plan.machine.precision,
        procedure=Procedure(
            flip=settings.label_flip, scales=settings.label_scales, withheld=withheld(plan)
        ),
    )


def withheld(plan: Plan) -> tuple[bool, ...] | None:
    """Return the classes, (L,), whose f_cls the bridge is never shown; None: it always is.

    Args:
        plan: of the run.
    """
    without = plan.classes_without_masks
    if not plan.settings.segmenter.saliency_dropout or not without:
        return None
    return tuple(name in without for name in plan.classes)


def choose_belief(
    predictor: Predictor,
    catalogue: Catalogue,
    records: Sequence[Record],
    *,
    masked: ClassList,
    wanted: float,
    undenied: float,
) -> Belief:
    """Return from where on pixels are believed, chosen on held-out masks.

    Args:
        predictor: has not learnt from these masks.
        catalogue: the data set.
        records: with masks, at least one; the network is told the classes of each.
        masked: the classes whose masks may be used; pixels of others do not count.
        wanted: share of the believed pixels that should be right, in [0, 1].
        undenied: share of the pixels of a class where its map shall be at least its doubt, in
            [0, 1], as far as the doubt stays between ``LOWEST_DOUBT`` and ``HIGHEST_DOUBT``.

    Returns:
        The first of ``CERTAINTIES`` that reaches ``wanted``, or the highest. The doubt of a class
        without a pixel in these masks is the median of the others; ``HIGHEST_DOUBT`` if there are
        none.

    Raises:
        DataError: an image or mask cannot be read.
    """
    table = index_table(catalogue.classes, predictor.classes, "ignore", masked)
    counts = reduce(
        operator.add,
        (
            _count(table[mask], prediction, predictor.classes)
            for mask, prediction in _told(predictor, catalogue, records)
        ),
    )
    shares = share_right(counts.right, counts.believed)
    lowest = lowest_reaching(shares, wanted)
    place = len(CERTAINTIES) - 1 if lowest is None else lowest
    return Belief(
        CERTAINTIES[place],
        float(shares[place]),
        float(counts.believed[place] / max(counts.pixels, 1)),
        dict(zip(predictor.classes, _doubts(counts.own, undenied), strict=True)),
    )


def _told(
    predictor: Predictor, catalogue: Catalogue, records: Sequence[Record]
) -> Iterator[tuple[NDArray[np.uint8], Prediction]]:
    """Yield each mask and what is predicted of its image when its classes are told."""
    for batch in batched((record, read_image(record.image)) for record in records):
        masks = [catalogue.mask_of(record) for record, _ in batch]
        tags = [
            known_classes(classes_in(mask, catalogue.classes), predictor.classes) for mask in masks
        ]
        predictions = predictor.predict([image for _, image in batch], tags)
        yield from zip(masks, predictions, strict=True)


def _count(truth: NDArray[np.uint8], prediction: Prediction, classes: ClassList) -> _Counts:
    """Count one image; ``truth`` is (H, W) in the ids of ``classes``."""
    counted, sure = truth != IGNORE, prediction.certainty()
    kept = [counted & (sure >= certain) for certain in CERTAINTIES]
    right = prediction.label_map == truth
    own = np.zeros((len(classes), LEVELS), np.int64)
    for name, class_map in prediction.class_maps.items():
        label = classes.index(name)
        level = np.minimum(class_map[truth == label] * LEVELS, LEVELS - 1).astype(np.int64)
        own[label - 1] = np.bincount(level, minlength=LEVELS)
    return _Counts(
        np.array([right[pixels].sum() for pixels in kept]),
        np.array([pixels.sum() for pixels in kept]),
        int(counted.sum()),
        own,
    )


def _doubts(own: NDArray[np.int64], undenied: float) -> list[float]:
    """Return the doubt of each class, see ``choose_belief``.

    Args:
        own: (L, LEVELS) pixels of each class by the value of its own map.
        undenied: share of them that shall reach the doubt, in [0, 1].
    """
    pixels = own.sum(axis=1)
    reaching = own[:, ::-1].cumsum(axis=1)[:, ::-1]  # pixels at a level or above
    levels = (reaching >= undenied * pixels[:, None]).sum(axis=1) - 1
    doubts = np.clip(levels / LEVELS, LOWEST_DOUBT, HIGHEST_DOUBT)
    seen = doubts[pixels > 0]
    usual = float(np.median(seen)) if seen.size else HIGHEST_DOUBT
    return [float(doubt) if count else usual for doubt, count in zip(doubts, pixels, strict=True)]


def write_pseudo_masks(
    predictor: Predictor,
    records: Sequence[Record],
    tags: Sequence[frozenset[str] | None],
    folder: Path,
    *,
    belief: Belief,
    progress: Progress = iter,
) -> tuple[Record, ...]:
    """Write a pseudo-mask for each tagged image; those that are there already are kept.

    Images are predicted in the same groups whether or not some are labelled already: which images
    are computed together decides the last digits of a map.

    Args:
        predictor: labels the images, told their tags.
        records: images.
        tags: classes of each; names that the model does not know do not count. None: unlabelled,
            no pseudo-mask.
        folder: a palette PNG for each, at the path of its name, in the model's ids, 255 where the
            network is not sure.
        belief: from where on pixels are believed.
        progress: shows how far the images are done.

    Returns:
        The tagged images whose pseudo-mask holds a class, with it for a mask.

    Raises:
        DataError: an image cannot be read, or the folder cannot be written.
        TrainingError: a pseudo-mask that is there already is damaged.
    """
    known = {
        record.name: known_classes(names, predictor.classes)
        for record, names in zip(records, tags, strict=True)
        if names is not None
    }
    tagged = [record for record in records if record.name in known]
    places = {record.name: folder / f"{record.name}.png" for record in tagged}
    missing = {name for name, place in places.items() if not place.exists()}
    groups = (group for group in batched(tagged) if any(one.name in missing for one in group))
    seen = [record for group in groups for record in group]
    read = ((record, read_image(record.image)) for record in progress(seen))
    for batch in ahead(batched(read)):
        predictions = predictor.predict(
            [image for _, image in batch], [known[record.name] for record, _ in batch]
        )
        for (record, _), prediction in zip(batch, predictions, strict=True):
            if record.name in missing:
                mask = pseudo_mask(prediction, predictor.classes, belief)
                write_mask(places[record.name], mask)
    return tuple(
        Record(
            record.name,
            record.image,
            known[record.name],
            MaskSource(index_mask(places[record.name]), record.image, predictor.classes),
        )
        for record in tagged
        if classes_in(
            _read(places[record.name], record.image, predictor.classes), predictor.classes
        )
    )


def _read(file: Path, image: Path, classes: ClassList) -> NDArray[np.uint8]:
    """Return a pseudo-mask, maybe of an earlier attempt.

    Raises:
        DataError: its image cannot be read.
        TrainingError: it is damaged.
    """
    size = image_size(image)
    try:
        mask = read_mask(file)
        check_mask(mask, file, size, len(classes), tags=frozenset())  # 255 and background alone do
    except DataError as fault:
        found = str(fault).removeprefix(f"{file}: ").partition(";")[0]
        raise TrainingError(f"{file}: {found}; remove it, and it is written anew") from None
    return mask


def pseudo_mask(prediction: Prediction, classes: ClassList, belief: Belief) -> NDArray[np.uint8]:
    """Return the label map of an image whose tags were given, 255 where it is not to be believed.

    A class that is not tagged cannot appear, because the network was not asked for it. A pixel is
    not denied to a tagged class where the class's map is at least its doubt: what the network
    misses would teach the next one to miss it. One that is nowhere found is not denied where its
    map is at least ``PERHAPS`` of its largest value either. These pixels become 255. They do not
    become the class.

    Args:
        prediction: with class maps.
        classes: of the model.
        belief: from where on pixels are believed.

    Returns:
        (H, W) uint8 ids of ``classes``.
    """
    label_map = prediction.label_map.copy()
    label_map[prediction.certainty() < belief.certainty] = IGNORE
    for name, class_map in prediction.class_maps.items():
        own = prediction.label_map == classes.index(name)
        label_map[~own & (class_map >= belief.doubt[name])] = IGNORE
        if own.mean() < FEWEST_PIXELS:
            label_map[class_map >= PERHAPS * class_map.max()] = IGNORE
    return label_map


def known_classes(names: Iterable[str], classes: ClassList) -> frozenset[str]:
    """Return those of some names that are classes."""
    return frozenset(name for name in names if name in classes)
