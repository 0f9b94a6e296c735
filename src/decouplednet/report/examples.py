"""Images beside what the network made of them: best and worst ones, and the paper's Figure 3."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import classes_in, index_table
from decouplednet.annotations.record import Record
from decouplednet.inference.segmenter import Segmenter
from decouplednet.report.pictures import label_map_picture, map_picture, photograph

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]


@dataclass(frozen=True, slots=True)
class Example:
    """One scored image; pictures are ``data:`` addresses.

    Args:
        name: of the image.
        miou: its mean IoU.
        photograph: the image.
        truth: its mask as a label map.
        prediction: the label map with predicted tags.
        in_truth: names of the classes in the mask.
        identified: names of the classes that the network looked for.
    """

    name: str
    miou: float
    photograph: str
    truth: str
    prediction: str
    in_truth: tuple[str, ...]
    identified: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassMap:
    """The map of one class over an image, as a ``data:`` address.

    Args:
        name: of the class.
        map: 0 dark, 1 bright.
        share: of the image's pixels whose label is this class, in [0, 1].
    """

    name: str
    map: str
    share: float


@dataclass(frozen=True, slots=True)
class ClassMaps:
    """An image, the map of each of its classes, and the label map they were fused to.

    Args:
        name: of the image.
        photograph: the image.
        maps: one for each class that was asked for.
        label_map: the fused label map.
    """

    name: str
    photograph: str
    maps: tuple[ClassMap, ...]
    label_map: str


def examples(
    segmenter: Segmenter,
    catalogue: Catalogue,
    scores: Mapping[str, float],
    *,
    progress: Progress[str] = iter,
) -> tuple[Example, ...]:
    """Return scored images with their truth and prediction, tags predicted.

    Args:
        segmenter: the model.
        catalogue: where the images and masks are.
        scores: mean IoU of each image to show, in their order.
        progress: shows how far the images are done.

    Raises:
        DataError: an image is gone from the data set, or it or its mask cannot be read.
    """
    return tuple(
        _example(segmenter, catalogue, catalogue.record(name), scores[name])
        for name in progress(tuple(scores))
    )


def class_maps(
    segmenter: Segmenter,
    tagged: Sequence[tuple[Record, frozenset[str]]],
    *,
    progress: Progress[tuple[Record, frozenset[str]]] = iter,
) -> tuple[ClassMaps, ...]:
    """Return images with the map of each of their classes, true tags given.

    Args:
        segmenter: the model.
        tagged: images and those of their classes that the model has.
        progress: shows how far the images are done.

    Raises:
        DataError: an image cannot be read.
    """
    return tuple(_class_maps(segmenter, record, tags) for record, tags in progress(tagged))


def truth_of(segmenter: Segmenter, catalogue: Catalogue, record: Record) -> NDArray[np.uint8]:
    """Return the (H, W) uint8 mask of a record in the indices of the model.

    Raises:
        DataError: the record has no mask, or it is refused.
    """
    table = index_table(catalogue.classes, segmenter.classes, segmenter.others)
    mask: NDArray[np.uint8] = table[catalogue.mask_of(record)]
    return mask


def _example(segmenter: Segmenter, catalogue: Catalogue, record: Record, miou: float) -> Example:
    image = read_image(record.image)
    truth = truth_of(segmenter, catalogue, record)
    predicted = segmenter.predict(image)
    present = classes_in(truth, segmenter.classes)
    return Example(
        name=record.name,
        miou=miou,
        photograph=photograph(image),
        truth=label_map_picture(truth),
        prediction=label_map_picture(predicted.label_map),
        in_truth=tuple(name for name in segmenter.classes if name in present),
        identified=predicted.identified,
    )


def _class_maps(segmenter: Segmenter, record: Record, tags: frozenset[str]) -> ClassMaps:
    image = read_image(record.image)
    predicted = segmenter.predict(image, tags)
    maps = tuple(
        ClassMap(
            name,
            map_picture(values, highest=1.0),
            float((predicted.label_map == segmenter.classes.index(name)).mean()),
        )
        for name, values in predicted.class_maps.items()
    )
    return ClassMaps(record.name, photograph(image), maps, label_map_picture(predicted.label_map))
