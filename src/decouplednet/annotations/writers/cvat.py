"""CVAT: ``CVAT for images 1.1`` in XML, and the labels of a task in JSON."""

import json
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.writers.labels import Label
from decouplednet.annotations.writers.outlines import regions
from decouplednet.annotations.writers.pre_label import PreLabel, Progress
from decouplednet.annotations.writers.runs import box_around, run_lengths
from decouplednet.classes import ClassList
from decouplednet.errors import DataError


def cvat_parts(
    pre_labels: Sequence[PreLabel],
    labels: Sequence[Label],
    classes: ClassList,
    *,
    made_by: str,
    polygons: bool,
    progress: Progress = iter,
) -> Iterator[bytes]:
    """Yield the parts of annotations.xml, in the order of the file.

    An area is a mask for each image and label, its runs counted row by row within its box, the
    first of pixels outside; or, as polygons, one for each part that hangs together. CVAT finds the
    image of a task by its name, and by its id where there is no such name: ids are places in the
    data set from 0, which is the order in which CVAT sorts the same files.

    Args:
        pre_labels: in the order of the file.
        labels: those that are written.
        classes: of the label maps.
        made_by: the model, for people.
        polygons: whether areas are polygons, exact to the pixel, and not masks.
        progress: shows how far the images are done.

    Raises:
        DataError: a label map cannot be read, or the name of an image cannot stand in XML.

    Source: docs.cvat.ai, "XML annotation format".
    """
    yield _head(len(pre_labels), labels, made_by).encode()
    for one in progress(pre_labels):
        label_map = one.read(classes)
        height, width = one.size
        yield (
            f'  <image id="{one.number - 1}" name="{_name(one)}" width="{width}" '
            f'height="{height}">\n'
        ).encode()
        for label in labels:
            area = label.area(label_map)
            for shape in _shapes(area, polygons=polygons) if area.any() else ():
                name = escape(label.name)
                start, rest = shape
                yield f'    <{start} label="{name}" source="auto" occluded="0" {rest}/>\n'.encode()
        yield b"  </image>\n"
    yield b"</annotations>\n"


def cvat_labels(labels: Sequence[Label]) -> bytes:
    """Return what CVAT's raw editor of labels takes, as JSON.

    Args:
        labels: those that are written.
    """
    content = [
        {"name": label.name, "color": label.hexadecimal, "type": "any", "attributes": []}
        for label in labels
    ]
    return f"{json.dumps(content, indent=2, ensure_ascii=False)}\n".encode()


def _head(images: int, labels: Sequence[Label], made_by: str) -> str:
    listed = "".join(
        f"        <label>\n          <name>{escape(label.name)}</name>\n"
        f"          <color>{label.hexadecimal}</color>\n          <type>any</type>\n"
        "          <attributes>\n          </attributes>\n        </label>\n"
        for label in labels
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f"  <meta>\n    <task>\n      <name>pre-labels of {escape(made_by)}</name>\n"
        f"      <size>{images}</size>\n      <mode>annotation</mode>\n      <overlap>0</overlap>\n"
        f"      <flipped>False</flipped>\n      <labels>\n{listed}      </labels>\n    </task>\n"
        "  </meta>\n"
    )


def _name(one: PreLabel) -> str:
    if any(ord(sign) < ord(" ") for sign in one.listed):
        raise DataError(
            f"{one.image}: the name has a control character, which XML cannot hold; rename it"
        )
    return escape(one.listed)


def _shapes(area: NDArray[np.bool_], *, polygons: bool) -> Iterator[tuple[str, str]]:
    """Yield the element of each shape of an area and what tells where it is."""
    if not polygons:
        box = box_around(area)
        runs = ", ".join(map(str, run_lengths(box.cut(area).ravel()).tolist()))
        yield (
            "mask",
            f'rle="{runs}" left="{box.left}" top="{box.top}" width="{box.width}" '
            f'height="{box.height}" z_order="0"',
        )
        return
    for region in regions(area):
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in region.points)
        yield "polygon", f'points="{points}" z_order="0"'
