"""PASCAL VOC's folders, such that CVAT imports them too, as ``Segmentation mask 1.1``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.masks import write_mask
from decouplednet.annotations.writers.labels import Label
from decouplednet.annotations.writers.pre_label import PreLabel, Progress
from decouplednet.classes import BACKGROUND, ClassList
from decouplednet.errors import DataError

_NAMES = "default"  # of the list, as CVAT calls it


def write_voc(
    pre_labels: Sequence[PreLabel],
    labels: Sequence[Label],
    classes: ClassList,
    folder: Path,
    *,
    copy_images: bool,
    progress: Progress = iter,
) -> None:
    """Write SegmentationClass, SegmentationObject, the list of the images and labelmap.txt.

    The palette is VOC's, and labelmap.txt says which colour is which class, background first.
    Open pixels are 255, in VOC's colour of ignored pixels, and a label of their own: a tool that
    reads colours refuses one that labelmap.txt does not name. Where they have no label they become
    background. In SegmentationObject each label is one object: without that file CVAT takes
    background for one.

    Args:
        pre_labels: in the order of the list.
        labels: those that are written.
        classes: of the label maps.
        folder: gets all of it.
        copy_images: whether the images are copied into JPEGImages.
        progress: shows how far the images are done.

    Raises:
        DataError: a label map or an image cannot be read, or a file cannot be written.
    """
    label_map_text = _label_map_text(labels)  # refused before anything is written
    values = np.full(256, BACKGROUND, np.uint8)
    values[[label.value for label in labels]] = [label.value for label in labels]
    colours = bytes(channel for index in range(256) for channel in voc_colour(index))
    for one in progress(pre_labels):
        label_map = values[one.read(classes)]
        for kind, picture in (("Class", label_map), ("Object", _objects(label_map))):
            place = folder / f"Segmentation{kind}" / f"{one.name}.png"
            write_mask(place, picture, colours=colours)
        if copy_images:
            _copy(one.image, folder / "JPEGImages" / one.listed)
    write_atomically(folder / "labelmap.txt", label_map_text)
    names = "".join(f"{one.name}\n" for one in pre_labels)
    write_atomically(folder / "ImageSets" / "Segmentation" / f"{_NAMES}.txt", names.encode())


def voc_colour(index: int) -> tuple[int, int, int]:
    """Return the colour that VOC gives to a class index, 0 to 255 each.

    Every third bit of the index, the lowest first, is a bit of red, the next of green, the next of
    blue; the first bits weigh most.

    Source: VOClabelcolormap.m of the VOC2012 development kit.

    >>> voc_colour(0), voc_colour(1), voc_colour(15), voc_colour(255)
    ((0, 0, 0), (128, 0, 0), (192, 128, 128), (224, 224, 192))
    """
    red = green = blue = 0
    for shift in range(7, -1, -1):
        red |= (index & 1) << shift
        green |= (index >> 1 & 1) << shift
        blue |= (index >> 2 & 1) << shift
        index >>= 3
    return red, green, blue


def _objects(label_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the number of each label's object, from 1, in the order of their values."""
    present = np.unique(label_map)
    numbers = np.zeros(256, np.uint8)
    numbers[present] = np.arange(len(present)) + (present[0] != BACKGROUND)
    return numbers[label_map]


def _label_map_text(labels: Sequence[Label]) -> bytes:
    """Return labelmap.txt.

    Raises:
        DataError: a name holds what the file has between its columns.
    """
    lines = ["# label:color_rgb:parts:actions"]
    for name, value in (("background", BACKGROUND), *((one.name, one.value) for one in labels)):
        if ":" in name or name.startswith("#"):
            raise DataError(
                f"class name {name!r}: labelmap.txt has ':' between its columns and '#' before "
                "remarks; rename the class, or choose another --format"
            )
        lines.append(f"{name}:{','.join(map(str, voc_colour(value)))}::")
    return "".join(f"{line}\n" for line in lines).encode()


def _copy(image: Path, place: Path) -> None:
    try:
        content = image.read_bytes()
    except OSError as fault:
        raise DataError(f"{image}: cannot be read: {fault.strerror}") from None
    write_atomically(place, content)
