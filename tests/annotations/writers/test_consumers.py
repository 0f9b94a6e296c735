"""What is written, read by the programs of others: datumaro, which CVAT imports by, and
Label Studio's own converter."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.files import write_atomically, write_parts_atomically
from decouplednet.annotations.masks import read_mask
from decouplednet.annotations.writers.brush import encode_brush
from decouplednet.annotations.writers.coco import coco_parts
from decouplednet.annotations.writers.cvat import cvat_parts
from decouplednet.annotations.writers.label_studio import label_studio_config, label_studio_parts
from decouplednet.annotations.writers.labels import labels_of
from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.annotations.writers.voc import write_voc
from tests.annotations.writers.areas import CLASSES, blobs, noise, three
from tests.annotations.writers.consumers import ask, needs_consumers

pytestmark = [needs_consumers, pytest.mark.slow]

# Every mask and polygon of a data set: image, class, and the pixels in their order.
DATUMARO = """
import json, sys
import numpy as np
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset
from datumaro.util.mask_tools import rles_to_mask
found = Dataset.import_from(sys.argv[1], sys.argv[2])
names = [item.name for item in found.categories()[AnnotationType.label].items]
rows = []
for item in found:
    height, width = item.media.size if item.media is not None else (0, 0)
    for one in item.annotations:
        if one.type == AnnotationType.mask:
            pixels = np.asarray(one.image)
        elif one.type == AnnotationType.polygon:
            pixels = rles_to_mask([one.points], width, height)
        else:
            continue
        score = one.attributes.get("score")
        rows.append([item.id, names[one.label], pixels.astype(int).tolist(), score])
print(json.dumps({"names": names, "items": [item.id for item in found], "rows": rows}))
"""

BRUSH = """
import json, sys
import numpy as np
from label_studio_sdk.converter import brush
areas = [np.array(area, np.uint8) for area in json.load(open(sys.argv[1]))]
written = [[int(byte) for byte in brush.mask2rle(area * 255)] for area in areas]
given = json.load(open(sys.argv[2]))
read = [brush.decode_rle(one).tolist() for one in given]
print(json.dumps({"written": written, "read": read}))
"""

TASKS = """
import json, sys
import numpy as np
from label_studio_sdk.converter import brush
from label_studio_sdk.label_interface import LabelInterface
interface = LabelInterface(open(sys.argv[2]).read())
interface.validate()
rows = []
for task in json.load(open(sys.argv[1])):
    (prediction,) = task["predictions"]
    errors = interface.validate_prediction(prediction, return_errors=True)
    assert not errors, errors
    results = [one | one["value"] for one in prediction["result"]]
    for name, area in brush.decode_from_annotation("brush", results).items():
        rows.append([task["data"]["image"], name, area.tolist()])
print(json.dumps(rows))
"""


def areas_of(those: list[PreLabel], *, unsure: bool) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Return image name to label to its pixels, by comparing masks with each label's value."""
    found: dict[str, dict[str, NDArray[np.bool_]]] = {}
    for one in those:
        mask = read_mask(one.mask)
        of_image = {name: mask == index for index, name in enumerate(CLASSES, start=1)}
        if unsure:
            of_image["unsure"] = mask == 255
        found[one.name] = {name: area for name, area in of_image.items() if area.any()}
    return found


def joined(rows: list[Any], those: list[PreLabel]) -> dict[str, dict[str, NDArray[np.bool_]]]:
    found: dict[str, dict[str, NDArray[np.bool_]]] = {one.name: {} for one in those}
    for image, label, pixels, _ in rows:
        area = np.array(pixels, bool)
        found[image][label] = found[image].get(label, np.zeros_like(area)) | area
    return found


def check_same(
    found: dict[str, dict[str, NDArray[np.bool_]]],
    expected: dict[str, dict[str, NDArray[np.bool_]]],
) -> None:
    assert {name: set(of) for name, of in found.items()} == {
        name: set(of) for name, of in expected.items()
    }
    for name, of_image in expected.items():
        for label, area in of_image.items():
            np.testing.assert_array_equal(found[name][label], area)


@pytest.mark.parametrize("unsure", [False, True])
def test_datumaro_reads_voc(tmp_path: Path, unsure: bool) -> None:
    those = three(tmp_path)
    labels = labels_of(CLASSES, unsure=unsure)
    write_voc(those, labels, CLASSES, tmp_path / "voc", copy_images=True)

    told = ask(DATUMARO, tmp_path / "voc", "voc_segmentation")

    assert told["names"] == ["background", *(label.name for label in labels)]
    assert sorted(told["items"]) == sorted(one.name for one in those)
    check_same(joined(told["rows"], those), areas_of(those, unsure=unsure))


@pytest.mark.parametrize("polygons", [False, True])
def test_datumaro_reads_coco(tmp_path: Path, polygons: bool) -> None:
    those = three(tmp_path)
    labels = labels_of(CLASSES, unsure=False)
    parts = coco_parts(those, labels, CLASSES, made_by="model", polygons=polygons)
    write_parts_atomically(tmp_path / "coco/annotations/instances_default.json", parts)
    _put_images(those, tmp_path / "coco/images/default")

    told = ask(DATUMARO, tmp_path / "coco", "coco_instances")

    assert [name for name in told["names"] if name != "background"] == [*CLASSES]
    check_same(joined(told["rows"], those), areas_of(those, unsure=False))
    scores = {label: score for image, label, _, score in told["rows"] if image == "a"}
    assert scores == {"cat": 0.5, "dog & <cow>": None, "ant": None}


@pytest.mark.parametrize("polygons", [False, True])
def test_datumaro_reads_cvat(tmp_path: Path, polygons: bool) -> None:
    those = three(tmp_path)
    labels = labels_of(CLASSES, unsure=True)
    parts = cvat_parts(those, labels, CLASSES, made_by="model", polygons=polygons)
    write_parts_atomically(tmp_path / "cvat/default.xml", parts)
    _put_images(those, tmp_path / "cvat/images")

    told = ask(DATUMARO, tmp_path / "cvat", "cvat")

    assert told["names"] == [*CLASSES, "unsure"]
    check_same(joined(told["rows"], those), areas_of(those, unsure=True))


def test_label_studios_converter_writes_and_reads_the_same_bytes(tmp_path: Path) -> None:
    areas = [noise(0), noise(1, (1, 9)), blobs(2), np.ones((300, 401), bool), noise(3, (5, 3))]
    (tmp_path / "areas.json").write_text(json.dumps([area.astype(int).tolist() for area in areas]))
    encoded = [encode_brush(area) for area in areas]
    (tmp_path / "encoded.json").write_text(json.dumps(encoded))

    told = ask(BRUSH, tmp_path / "areas.json", tmp_path / "encoded.json")

    assert told["written"] == encoded
    for area, read in zip(areas, told["read"], strict=True):
        np.testing.assert_array_equal(read, area.ravel().repeat(4) * 255)


def test_label_studio_validates_and_reads_the_tasks(tmp_path: Path) -> None:
    those = three(tmp_path)
    labels = labels_of(CLASSES, unsure=True)
    parts = label_studio_parts(
        those, labels, CLASSES, made_by="model", data_name="data", image_root="https://host"
    )
    write_parts_atomically(tmp_path / "tasks.json", parts)
    write_atomically(tmp_path / "config.xml", label_studio_config(labels))

    rows = ask(TASKS, tmp_path / "tasks.json", tmp_path / "config.xml")

    expected = areas_of(those, unsure=True)
    assert len(rows) == sum(map(len, expected.values()))
    by_url = {"https://host/a.png": "a", "https://host/sub/b%20%26%20%27c%27.png": "sub/b & 'c'"}
    for url, name, pixels in rows:
        label = name.removeprefix("brush-").removesuffix("-0")
        np.testing.assert_array_equal(np.array(pixels) == 255, expected[by_url[url]][label])


def _put_images(those: list[PreLabel], folder: Path) -> None:
    for one in those:
        place = folder / one.listed
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", one.size[::-1]).save(place)
