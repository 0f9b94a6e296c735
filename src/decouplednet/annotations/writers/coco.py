"""COCO's instances: run-length encoded areas, or polygons."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.writers.labels import Label
from decouplednet.annotations.writers.outlines import regions
from decouplednet.annotations.writers.pre_label import PreLabel, Progress
from decouplednet.annotations.writers.runs import box_around, run_lengths
from decouplednet.classes import ClassList


def coco_parts(
    pre_labels: Sequence[PreLabel],
    labels: Sequence[Label],
    classes: ClassList,
    *,
    made_by: str,
    polygons: bool,
    progress: Progress = iter,
) -> Iterator[bytes]:
    """Yield the parts of a file of instances, in the order of the file.

    An area is one annotation for each image and label, or, as polygons, one for each part of it
    that hangs together by the sides of pixels. Ids of images are their places in the data set, so
    that those left out change none; annotations are numbered in their order. ``score`` is the
    confidence of the class.

    Args:
        pre_labels: in the order of the file.
        labels: those that are written.
        classes: of the label maps.
        made_by: the model, for people.
        polygons: whether areas are polygons, exact to the pixel, and not run-length encoded.
        progress: shows how far the images are done.

    Raises:
        DataError: a label map cannot be read.

    Source: cocodataset.org, "Data format".
    """
    yield f'{{"info": {_json({"description": f"pre-labels of {made_by}"})},\n'.encode()
    yield f'"licenses": [],\n"categories": {_json([*map(_kind, labels)])},\n"images": [\n'.encode()
    yield from _joined(_image(one) for one in pre_labels)
    yield b'\n],\n"annotations": [\n'
    ids = count(1)
    yield from _joined(
        {"id": next(ids), "image_id": one.number, **annotation}
        for one in progress(pre_labels)
        for annotation in _annotations(one, labels, one.read(classes), polygons=polygons)
    )
    yield b"\n]}\n"


def compressed(lengths: Iterable[int]) -> str:
    """Return the lengths of runs as COCO's text.

    From the fourth on, a length is told as its difference from that two before. Each number is cut
    into groups of 5 bits, the lowest first; a sixth bit says that another group follows, and the
    fifth of the last one is its sign. 48 is added, which makes a character of it.

    Source: rleToString in maskApi.c of the COCO API.

    >>> compressed([6, 1, 40, 4, 5, 4, 5, 4, 21])
    '61X13mN000`0'
    """
    told = list(lengths)
    characters = []
    for place, length in enumerate(told):
        number = length - told[place - 2] if place > 2 else length
        more = True
        while more:
            group, number = number & 31, number >> 5
            more = number != (-1 if group & 16 else 0)
            characters.append(chr(48 + group + 32 * more))
    return "".join(characters)


def _kind(label: Label) -> dict[str, object]:
    return {"id": label.number, "name": label.name, "supercategory": ""}


def _image(one: PreLabel) -> dict[str, object]:
    height, width = one.size
    return {"id": one.number, "file_name": one.listed, "width": width, "height": height}


def _annotations(
    one: PreLabel, labels: Sequence[Label], label_map: NDArray[np.uint8], *, polygons: bool
) -> Iterator[dict[str, object]]:
    """Yield the annotations of an image, without their ids."""
    for label in labels:
        area = label.area(label_map)
        if not area.any():
            continue
        confidence = label.confidence(one.of_class)
        common: dict[str, object] = {"category_id": label.number, "iscrowd": 0}
        if confidence is not None:
            common["score"] = confidence
        for shape in _polygons(area) if polygons else (_encoded(area),):
            yield common | shape


def _encoded(area: NDArray[np.bool_]) -> dict[str, object]:
    box = box_around(area)
    return {
        "segmentation": {
            "size": list(area.shape),
            "counts": compressed(run_lengths(area.ravel(order="F")).tolist()),
        },
        "area": int(area.sum()),
        "bbox": [box.left, box.top, box.width, box.height],
    }


def _polygons(area: NDArray[np.bool_]) -> Iterator[dict[str, object]]:
    for region in regions(area):
        across, down = zip(*region.points, strict=True)
        left, top = min(across), min(down)
        yield {
            "segmentation": [[place for point in region.points for place in point]],
            "area": region.pixels,
            "bbox": [left, top, max(across) - left, max(down) - top],
        }


def _joined(values: Iterable[object]) -> Iterator[bytes]:
    """Yield values as JSON, one a line, with commas between them."""
    for place, value in enumerate(values):
        yield (",\n" if place else "").encode() + _json(value).encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
