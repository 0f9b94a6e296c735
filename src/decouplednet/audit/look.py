"""A second look at the images that are listed: which pixels their classes win, and pictures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.images import read_image
from decouplednet.audit.evidence import Evidence
from decouplednet.audit.ranking import Found
from decouplednet.inference.batches import ahead, batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.segmenter import Segmenter
from decouplednet.report.pictures import label_map_picture, photograph

Progress = Callable[[Sequence[int]], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of the list; pictures are ``data:`` addresses.

    Args:
        photograph: the image.
        label_map: what the network makes of it when it is told ``told``.
        told: its tags and the classes that are probably missing.
    """

    photograph: str
    label_map: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen.

    Args:
        area: share of the pixels, in [0, 1], that each listed class wins of its image, by the
            places of both in the evidence.
        pictures: of the first images, by their names.
    """

    area: Mapping[tuple[int, int], float]
    pictures: Mapping[str, Picture]


def look_at(
    segmenter: Segmenter,
    evidence: Evidence,
    found: Sequence[Found],
    *,
    most_pictures: int,
    progress: Progress = iter,
) -> Look:
    """Return which pixels the listed classes win when the network is told of them.

    It is told the tags of an image and the classes that are probably missing among them, so that
    these compete.

    Args:
        segmenter: the model.
        evidence: of the images.
        found: the list.
        most_pictures: images of which there are pictures, the first of the list.
        progress: shows how far the images are done.

    Raises:
        DataError: an image can no longer be read.
    """
    labels: dict[int, list[int]] = {}
    for one in found:
        labels.setdefault(one.image, []).append(one.label)
    predictor = segmenter.predictor()
    read = ((place, read_image(evidence.records[place].image)) for place in progress([*labels]))
    area, pictures = dict[tuple[int, int], float](), dict[str, Picture]()
    for batch in ahead(batched(read, weigh=lambda one: one[1].shape[0] * one[1].shape[1])):
        told = [_told(evidence, place, labels[place]) for place, _ in batch]
        predictions = predictor.predict([image for _, image in batch], told, class_maps=False)
        for (place, image), prediction in zip(batch, predictions, strict=True):
            for label in labels[place]:
                won = prediction.label_map == segmenter.classes.index(evidence.classes[label])
                area[place, label] = float(won.mean())
            if len(pictures) < most_pictures:
                pictures[evidence.records[place].name] = _picture(image, prediction)
    return Look(area, pictures)


def _told(evidence: Evidence, place: int, listed: Sequence[int]) -> list[str]:
    """Return the tags of an image and the listed classes; those that are wrong are tags already."""
    told = evidence.tags[place].copy()
    told[list(listed)] = True
    return [evidence.classes[label] for label in np.flatnonzero(told)]


def _picture(image: NDArray[np.uint8], prediction: Prediction) -> Picture:
    return Picture(
        photograph(image), label_map_picture(prediction.label_map), prediction.identified
    )
