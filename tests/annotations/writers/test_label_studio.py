"""Label Studio's tasks, read by the decoder of the encoding's test."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from decouplednet.annotations.masks import read_mask
from decouplednet.annotations.writers import label_studio
from decouplednet.annotations.writers.label_studio import label_studio_config, label_studio_parts
from decouplednet.annotations.writers.labels import labels_of
from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.errors import DataError
from tests.annotations.writers.areas import CLASSES, three
from tests.annotations.writers.test_brush import values_in


def written(
    those: list[PreLabel], *, unsure: bool = False, image_root: str | None = None
) -> list[Any]:
    parts = label_studio_parts(
        those,
        labels_of(CLASSES, unsure=unsure),
        CLASSES,
        made_by="model 12",
        data_name="my data",
        image_root=image_root,
    )
    content: list[Any] = json.loads(b"".join(parts))
    return content


def test_masks_come_back_as_the_pixels_of_each_class(tmp_path: Path) -> None:
    those = three(tmp_path)
    for one, task in zip(those, written(those), strict=True):
        (prediction,) = task["predictions"]
        assert (prediction["model_version"], prediction["score"]) == ("model 12", 0.75)
        read = np.zeros(one.size, np.uint8)
        for result in prediction["result"]:
            if result["type"] != "brushlabels":
                continue
            assert (result["original_height"], result["original_width"]) == one.size
            assert (result["from_name"], result["to_name"]) == ("brush", "image")
            assert result["image_rotation"] == 0
            assert result["value"]["format"] == "rle"
            pixels = np.array(values_in(result["value"]["rle"])).reshape(*one.size, 4)
            assert (pixels == pixels[..., :1]).all()
            (name,) = result["value"]["brushlabels"]
            read[pixels[..., 3] == 255] = CLASSES.index(name)
        expected = read_mask(one.mask)
        expected[expected == 255] = 0
        np.testing.assert_array_equal(read, expected)


def test_tags_are_choices_and_confidences_scores(tmp_path: Path) -> None:
    tasks = written(three(tmp_path))
    results = [task["predictions"][0]["result"] for task in tasks]

    choices = [[one for one in result if one["type"] == "choices"] for result in results]
    assert [[one["value"]["choices"] for one in of] for of in choices] == [
        [["cat", "ant"]],
        [["cat"]],
        [],
    ]
    assert choices[0][0]["from_name"] == "tags"
    scores = {one["value"]["brushlabels"][0]: one.get("score") for one in results[0][:-1]}
    assert scores == {"cat": 0.5, "dog & <cow>": None, "ant": None}
    ids = [one["id"] for one in results[0]]
    assert len(set(ids)) == len(ids)


def test_open_pixels_have_a_label_where_they_shall(tmp_path: Path) -> None:
    (task,) = written(three(tmp_path)[:1], unsure=True)
    (opened,) = (
        one
        for one in task["predictions"][0]["result"]
        if one["value"].get("brushlabels") == ["unsure"]
    )

    assert values_in(opened["value"]["rle"]).count(255) == 4 * 6 * 16


@pytest.mark.parametrize(
    ("image_root", "url"),
    [
        (None, "/data/local-files/?d=my%20data/images/sub/b%20%26%20%27c%27.png"),
        ("https://host/photos", "https://host/photos/sub/b%20%26%20%27c%27.png"),
        ("https://host/photos/", "https://host/photos/sub/b%20%26%20%27c%27.png"),
        ("/data/local-files/?d=x/", "/data/local-files/?d=x/sub/b%20%26%20%27c%27.png"),
        ("https://host/?file=", "https://host/?file=sub/b%20%26%20%27c%27.png"),
    ],
)
def test_an_image_is_a_url(tmp_path: Path, image_root: str | None, url: str) -> None:
    (task,) = written(three(tmp_path)[1:2], image_root=image_root)

    assert task["data"] == {"image": url}


def test_the_config_has_the_names_that_the_tasks_use() -> None:
    root = ElementTree.fromstring(label_studio_config(labels_of(CLASSES, unsure=True)))  # noqa: S314

    (picture,), (brush,), (tags,) = (
        root.findall(kind) for kind in ("Image", "BrushLabels", "Choices")
    )
    assert (picture.get("name"), picture.get("value")) == ("image", "$image")
    assert (brush.get("name"), brush.get("toName")) == ("brush", "image")
    assert [label.get("value") for label in brush] == [*CLASSES, "unsure"]
    assert next(label.get("background") for label in brush) == "#e69f00"
    assert (tags.get("name"), tags.get("choice")) == ("tags", "multiple")
    assert [choice.get("value") for choice in tags] == [*CLASSES]


def test_an_image_with_too_many_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_studio, "can_hold", lambda size: size != (37, 53))

    with pytest.raises(
        DataError,
        match=r"a\.png: 53 x 37 pixels are more than a brush mask of Label Studio can hold; make "
        r"the image smaller, or choose another --format$",
    ):
        written(three(tmp_path))


def test_no_image_is_an_empty_list() -> None:
    assert written([]) == []


def test_a_confidence_of_the_image_is_its_own(tmp_path: Path) -> None:
    (one,) = three(tmp_path)[:1]

    (task,) = written([replace(one, confidence=0.25)])

    assert task["predictions"][0]["score"] == 0.25
