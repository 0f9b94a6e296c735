import re
from typing import Any

import pytest

from decouplednet.errors import SettingsError, UsageError
from decouplednet.prelabel.formats import Options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"to": "yolo"},
            "--format yolo: expected masks or voc or coco or cvat or label-studio",
        ),
        ({"to": "masks", "unsure": "no"}, "--unsure no: expected label or drop"),
        (
            {"to": "voc", "polygons": True},
            "--polygons is of --format coco or cvat, not of voc",
        ),
        ({"to": "coco", "copy_images": True}, "--copy-images is of --format voc, not of coco"),
        (
            {"to": "cvat", "image_root": "https://host/"},
            "--image-root is of --format label-studio, not of cvat",
        ),
    ],
)
def test_what_a_format_does_not_have_is_wrong_use(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        Options(**options)


@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan")])
def test_a_confidence_is_a_share(value: float) -> None:
    message = f"min_confidence = {value!r}: expected 0 to 1"
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        Options("masks", min_confidence=value)


def test_each_option_is_of_some_format() -> None:
    Options("coco", polygons=True)
    Options("cvat", polygons=True)
    Options("voc", copy_images=True)
    Options("label-studio", image_root="https://host/")
