"""The paper's Figure 2: activation maps of one class look alike over very different images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.images import read_image
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.report.activations import Activations
from decouplednet.report.channel import representative_channel, separation
from decouplednet.report.pictures import map_picture, photograph
from decouplednet.report.similarity import Similarity, similarity

COLUMNS = 8
"""Images shown of each class."""
LEAST_TO_CHOOSE_BY = 4
"""With fewer images of a class beside those shown, all of them help to choose its channel."""
_LONG_SIDE = 160


@dataclass(frozen=True, slots=True)
class ActivationColumn:
    """One image of a class and the map under it, as ``data:`` addresses.

    Args:
        name: of the image.
        photograph: the image.
        map: the chosen channel of g over the image.
        peak: where the map is highest, in words.
    """

    name: str
    photograph: str
    map: str
    peak: str


@dataclass(frozen=True, slots=True)
class ActivationRow:
    """One class.

    Args:
        name: of the class.
        index: of the class, from 1.
        channel: the representative channel of g.
        separation: of that channel, over the maps it was chosen by.
        chosen_by_others: whether the images shown had no part in the choice.
        columns: the images shown.
        within_g: mean similarity of g between images of the class; None without two images.
        within_pool5: the same of pool5.
    """

    name: str
    index: int
    channel: int
    separation: float
    chosen_by_others: bool
    columns: tuple[ActivationColumn, ...]
    within_g: float | None
    within_pool5: float | None


@dataclass(frozen=True, slots=True)
class ActivationFigure:
    """The figure and its numbers.

    Args:
        rows: one for each class that has an image.
        missing: classes without an image.
        images: how many different images took part.
        maps: how many pairs of image and class.
        g: similarity of g, each map one vector.
        pool5: the same of pool5.
        mean_g: similarity of g averaged over its positions first, so that it does not matter
            where in the image the class is.
        mean_pool5: the same of pool5.
    """

    rows: tuple[ActivationRow, ...]
    missing: tuple[str, ...]
    images: int
    maps: int
    g: Similarity
    pool5: Similarity
    mean_g: Similarity
    mean_pool5: Similarity


def activation_figure(
    maps: Activations,
    records: Sequence[Record],
    shown: Mapping[str, Sequence[str]],
    *,
    classes: ClassList,
    frame: Frame,
) -> ActivationFigure:
    """Return the figure.

    Args:
        maps: of all images and their classes.
        records: the images in the order of ``maps.image_index``.
        shown: names of the images to show of each class, in the order of the class list; none
            where a class has no image.
        classes: of the model.
        frame: how the network sees an image.

    Raises:
        DataError: an image cannot be read.
    """
    compared = _similarities(maps, len(classes))
    place = {record.name: number for number, record in enumerate(records)}
    rows = tuple(
        _row(
            name,
            [(place[image], records[place[image]]) for image in names],
            maps,
            compared,
            label=classes.index(name) - 1,
            frame=frame,
        )
        for name, names in shown.items()
        if names
    )
    missing = tuple(name for name, names in shown.items() if not names)
    return ActivationFigure(rows, missing, len(records), len(maps.label), **compared)


def _row(
    name: str,
    images: Sequence[tuple[int, Record]],
    maps: Activations,
    compared: Mapping[str, Similarity],
    *,
    label: int,
    frame: Frame,
) -> ActivationRow:
    """Return the row of the class of a label, from 0, with the images that are shown of it."""
    channel, separated, by_others = choose_channel(maps, label, [place for place, _ in images])
    return ActivationRow(
        name=name,
        index=label + 1,
        channel=channel,
        separation=separated,
        chosen_by_others=by_others,
        columns=_columns(maps, label, channel, images, frame),
        within_g=compared["g"].by_class[label],
        within_pool5=compared["pool5"].by_class[label],
    )


def _similarities(maps: Activations, class_count: int) -> dict[str, Similarity]:
    """Return the four similarities of the figure by the names of its fields."""
    values = {
        "g": maps.g,
        "pool5": maps.pool5,
        "mean_g": maps.response,
        "mean_pool5": maps.pool5.mean(axis=(2, 3)),
    }
    return {
        name: similarity(
            each,
            class_index=maps.label,
            image_index=maps.image_index,
            class_count=class_count,
        )
        for name, each in values.items()
    }


def choose_channel(maps: Activations, label: int, shown: Sequence[int]) -> tuple[int, float, bool]:
    """Return the representative channel of a class.

    It is chosen by the images that are not shown, so that the maps shown cannot have been picked
    for looking alike; by all images where fewer than ``LEAST_TO_CHOOSE_BY`` of the class remain.

    Args:
        maps: of all images and their classes.
        label: of the class, from 0.
        shown: places of the images that are shown of it.

    Returns:
        The channel, its separation, and whether the images shown had no part in it.
    """
    other = ~np.isin(maps.image_index, shown)
    by_others = int((other & (maps.label == label)).sum()) >= LEAST_TO_CHOOSE_BY
    counted = other if by_others else np.ones_like(other)
    response, belongs = maps.response[counted], maps.label[counted] == label
    channel = representative_channel(response, belongs)
    return channel, float(separation(response, belongs)[channel]), by_others


def over_image(
    values: NDArray[np.floating], frame: Frame, size: tuple[int, int]
) -> NDArray[np.floating]:
    """Return the part of a map that lies over the image, each position drawn as a square.

    Args:
        values: (h, w) over the whole frame.
        frame: how the network sees an image.
        size: (H, W) of the image.

    Returns:
        (H', W') of the image's content in the frame, in frame pixels.
    """
    square = frame.side // values.shape[0]
    height, width = frame.place(size).placed
    return values.repeat(square, axis=0).repeat(square, axis=1)[:height, :width]


def _columns(
    maps: Activations,
    label: int,
    channel: int,
    images: Sequence[tuple[int, Record]],
    frame: Frame,
) -> tuple[ActivationColumn, ...]:
    """Return the columns of one class, their maps on one scale of brightness."""
    seen = []
    for place, record in images:
        image = read_image(record.image)
        (row,) = np.flatnonzero((maps.image_index == place) & (maps.label == label))
        values = over_image(maps.g[row, channel], frame, (image.shape[0], image.shape[1]))
        seen.append((record.name, image, values))
    highest = max(float(values.max()) for _, _, values in seen)
    return tuple(
        ActivationColumn(
            name,
            photograph(image, long_side=_LONG_SIDE),
            map_picture(values, highest=highest, long_side=_LONG_SIDE),
            _peak(values),
        )
        for name, image, values in seen
    )


def _peak(values: NDArray[np.floating]) -> str:
    """Return in which ninth of the image a map is highest."""
    if not values.max() > 0:
        return "zero everywhere"
    rows, columns = np.nonzero(values == values.max())
    # The square of the highest position covers many pixels: its middle counts.
    down = ("upper", "middle", "lower")[min(2, int(3 * rows.mean() / values.shape[0]))]
    along = ("left", "centre", "right")[min(2, int(3 * columns.mean() / values.shape[1]))]
    return f"highest in the {down} {along}"
