"""Telling in which format a data set is."""

from collections.abc import Callable
from pathlib import Path

from decouplednet.annotations.formats import (
    class_folders,
    class_masks,
    coco,
    colour_masks,
    cvat,
    cvat_masks,
    label_studio,
    labelme,
    panoptic,
    tables,
    yolo,
)
from decouplednet.annotations.formats.native import NativeSource
from decouplednet.annotations.formats.source import Source
from decouplednet.annotations.formats.voc import VocSource
from decouplednet.annotations.layout import layout_of
from decouplednet.errors import DataError

Detector = Callable[[Path], Source | None]

DETECTORS: tuple[Detector, ...] = (
    coco.detect,
    panoptic.detect,
    cvat.detect,
    cvat_masks.detect,
    label_studio.detect,
    labelme.detect,
    yolo.detect,
    class_masks.detect,
    colour_masks.detect,
    tables.detect,
    class_folders.detect,
)
"""Formats of other tools, in the order in which they are tried."""


def detect(root: Path) -> Source:
    """Return the data set of a folder in its format.

    The formats of other tools are tried first, as they have files that no other has; then the
    native layout, PASCAL VOC and a plain folder.

    Raises:
        DataError: there is no such folder, or it has no known format.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    for of_format in DETECTORS:
        source = of_format(root)
        if source is not None:
            return source
    layout = layout_of(root)
    return VocSource(layout) if layout.name == "voc" else NativeSource(layout)
