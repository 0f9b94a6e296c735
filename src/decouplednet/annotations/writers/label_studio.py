"""Label Studio: tasks with predictions in JSON, and the labelling config in XML."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.writers.brush import can_hold, encode_brush
from decouplednet.annotations.writers.labels import Label
from decouplednet.annotations.writers.pre_label import PreLabel, Progress
from decouplednet.classes import IGNORE, ClassList
from decouplednet.errors import DataError

LOCAL_FILES = "/data/local-files/?d="
"""Where Label Studio serves the files below its LOCAL_FILES_DOCUMENT_ROOT."""

_IMAGE, _BRUSH, _TAGS = "image", "brush", "tags"


def label_studio_parts(
    pre_labels: Sequence[PreLabel],
    labels: Sequence[Label],
    classes: ClassList,
    *,
    made_by: str,
    data_name: str,
    image_root: str | None,
    progress: Progress = iter,
) -> Iterator[bytes]:
    """Yield the parts of tasks.json, in the order of the file.

    A task has one prediction: a brush mask for each label, and the tags of the image as choices.
    ``score`` is the confidence, of the image and of each class.

    Args:
        pre_labels: in the order of the file.
        labels: those that are written.
        classes: of the label maps.
        made_by: the model; Label Studio tells predictions apart by it.
        data_name: name of the data set's folder, below which local files are served.
        image_root: URL of the folder of the images; None: Label Studio serves them as local files
            from the folder that holds the data set.
        progress: shows how far the images are done.

    Raises:
        DataError: a label map cannot be read, or an image has too many pixels.

    Source: labelstud.io/guide/predictions, on brush masks as RLE.
    """
    yield b"[\n"
    for place, one in enumerate(progress(pre_labels)):
        task = {
            "data": {_IMAGE: _url(one, data_name, image_root)},
            "predictions": [
                {
                    "model_version": made_by,
                    "score": one.confidence,
                    "result": [*_results(one, labels, one.read(classes))],
                }
            ],
        }
        content = json.dumps(task, ensure_ascii=False, allow_nan=False)
        yield ((",\n" if place else "") + content).encode()
    yield b"\n]\n"


def label_studio_config(labels: Sequence[Label]) -> bytes:
    """Return the labelling config of a project.

    Args:
        labels: those that are written.
    """
    brushes = "".join(
        f'    <Label value="{escape(label.name)}" background="{label.hexadecimal}"/>\n'
        for label in labels
    )
    tags = "".join(
        f'    <Choice value="{escape(label.name)}"/>\n' for label in labels if label.value != IGNORE
    )
    return (
        f'<View>\n  <Image name="{_IMAGE}" value="${_IMAGE}" zoom="true" zoomControl="true"/>\n'
        f'  <BrushLabels name="{_BRUSH}" toName="{_IMAGE}">\n{brushes}  </BrushLabels>\n'
        f'  <Choices name="{_TAGS}" toName="{_IMAGE}" choice="multiple" showInline="true">\n'
        f"{tags}  </Choices>\n</View>\n"
    ).encode()


def _url(one: PreLabel, data_name: str, image_root: str | None) -> str:
    if image_root is None:
        return LOCAL_FILES + quote(f"{data_name}/{one.inside}")
    slash = "" if image_root.endswith(("/", "=")) else "/"
    return f"{image_root}{slash}{quote(one.listed)}"


def _results(
    one: PreLabel, labels: Sequence[Label], label_map: NDArray[np.uint8]
) -> Iterator[dict[str, object]]:
    height, width = one.size
    if not can_hold(one.size):
        raise DataError(
            f"{one.image}: {width} x {height} pixels are more than a brush mask of Label Studio "
            "can hold; make the image smaller, or choose another --format"
        )
    for label in labels:
        area = label.area(label_map)
        if not area.any():
            continue
        result: dict[str, object] = {
            "id": f"{_BRUSH}-{label.number}",
            "type": "brushlabels",
            "from_name": _BRUSH,
            "to_name": _IMAGE,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": encode_brush(area), "brushlabels": [label.name]},
        }
        confidence = label.confidence(one.of_class)
        yield result if confidence is None else result | {"score": confidence}
    if one.tags:
        yield {
            "id": _TAGS,
            "type": "choices",
            "from_name": _TAGS,
            "to_name": _IMAGE,
            "value": {"choices": [*one.tags]},
        }
