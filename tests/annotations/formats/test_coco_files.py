import json
import os
from pathlib import Path
from typing import Any

import pytest

from decouplednet.annotations.formats.coco_files import (
    FileKind,
    ImagePlace,
    entries,
    folders_without_images,
    image_folder,
    instance_files,
    json_files,
    kind_of,
    split_name,
)
from decouplednet.annotations.formats.json_outline import last_keys, outline
from decouplednet.errors import DataError
from tests.annotations.formats import coco_sets

IMAGES = [{"id": 1, "file_name": "a.jpg"}]
CLASSES = [{"id": 1, "name": "cat", "supercategory": ""}]
OBJECT = {"image_id": 1, "category_id": 1, "bbox": [], "segmentation": []}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"images": IMAGES, "annotations": [OBJECT], "categories": CLASSES}, FileKind.INSTANCES),
        ({"annotations": [OBJECT]}, FileKind.INSTANCES),
        ({"images": [], "annotations": [], "categories": CLASSES}, FileKind.INSTANCES),
        ({"images": IMAGES, "annotations": [{"caption": "cats"}]}, FileKind.CAPTIONS),
        (
            {"images": IMAGES, "annotations": [{**OBJECT, "attributes": {"caption": ""}}]},
            FileKind.INSTANCES,
        ),
        (
            {"images": IMAGES, "annotations": [{**OBJECT, "num_keypoints": 0}]},
            FileKind.KEYPOINTS,
        ),
        (
            {"images": IMAGES, "annotations": [], "categories": [{**CLASSES[0], "skeleton": []}]},
            FileKind.KEYPOINTS,
        ),
        ({"images": IMAGES, "annotations": [{"segments_info": []}]}, FileKind.PANOPTIC),
        ({"images": IMAGES * 5000, "annotations": [{"segments_info": []}]}, FileKind.PANOPTIC),
        ({"categories": CLASSES}, None),
        ({"categories": {"label": {"labels": []}}, "items": [{"id": "a"}]}, None),  # Datumaro
        ({"shapes": [{"label": "cat"}], "imagePath": "a.jpg"}, None),  # LabelMe
        ([{"image_id": 1, "category_id": 1}], None),  # COCO's form of results
        ([{"id": 1, "annotations": [{"result": []}]}], None),  # Label Studio
        ({"x": {"images": IMAGES}}, None),
        ({}, None),
    ],
)
def test_what_a_file_is_about_is_told_by_its_ends(
    tmp_path: Path, content: Any, kind: FileKind | None
) -> None:
    for indent in (None, 4):
        path = tmp_path / "x.json"
        path.write_text(json.dumps(content, indent=indent))

        assert kind_of(path) == kind


def test_files_that_are_no_json_or_not_there_are_about_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe{\0")

    assert kind_of(tmp_path / "x.json") is None
    assert kind_of(tmp_path / "y.json") is None
    assert kind_of(tmp_path) is None


def test_the_outline_has_the_keys_of_the_top_and_of_the_objects_in_its_arrays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.json"
    path.write_text('\n {"a\\"{": [{"b": {"c": "d: {"}}, {"e": []}], "f": "g", "h": {"i": 1}}')

    assert outline(path) == {'a\\"{': {"b", "e"}, "f": frozenset(), "h": frozenset()}
    assert last_keys(path) == {"b", "c", "e", "f", "h", "i"}


def test_no_more_than_the_ends_of_a_large_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": 1, "x": "-" * 70_000, "b": 2, "y": "-" * 70_000, "c": 3}))

    assert outline(path) == {"a": frozenset(), "x": frozenset()}
    assert last_keys(path) == {"c"}


def test_annotation_files_lie_in_their_folder_or_beside_the_images(tmp_path: Path) -> None:
    for name in (
        "annotations/b.json",
        "annotations/.hidden.json",
        "annotations/deep/x.json",
        "z.json",
        "result.json",
        "train/_annotations.coco.json",
        "valid/other.json",
        "elsewhere/_annotations.coco.json",
        "notes.txt",
    ):
        coco_sets.write(tmp_path / name)

    found = json_files(tmp_path)

    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "annotations/b.json",
        "result.json",
        "train/_annotations.coco.json",
        "z.json",
    ]


def test_only_so_many_entries_of_a_folder_are_looked_at(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.json").touch()
    (tmp_path / "result.json").touch()

    assert len(list(entries(tmp_path, 4))) == 4
    assert 4 <= len(json_files(tmp_path, 4)) <= 5
    assert json_files(tmp_path, 4)[0].name == "result.json"
    assert list(entries(tmp_path / "gone")) == []
    assert list(entries(tmp_path / "1.json")) == []


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)

    with pytest.raises(DataError) as refusal:
        list(entries(tmp_path))

    assert str(refusal.value) == f"{tmp_path}: cannot be read: Permission denied"


def test_beside_files_of_instances_others_about_the_same_images_do_not_count(
    tmp_path: Path,
) -> None:
    names = ("instances_a.json", "stuff_a.json", "image_info_b.json")
    paths = [
        coco_sets.instances(tmp_path / "annotations" / name, IMAGES, [OBJECT]) for name in names
    ]
    other = coco_sets.instances(tmp_path / "train.json", IMAGES, [OBJECT])
    captions = coco_sets.write(tmp_path / "c.json", images=IMAGES, annotations=[{"caption": ""}])

    assert instance_files([*paths, other, captions]) == [paths[0], other]
    assert instance_files(paths[1:]) == paths[1:]


def test_the_images_lie_in_their_folder_else_anywhere_but_in_folders_of_annotations(
    tmp_path: Path,
) -> None:
    for name in ("annotations", "panoptic_val", "stuffthingmaps", "val2017", "stuff_a_pixelmaps"):
        (tmp_path / name).mkdir()
    (tmp_path / "labels.json").touch()

    assert image_folder(tmp_path) == tmp_path
    assert [path.name for path in folders_without_images(tmp_path)] == [
        "annotations",
        "panoptic_val",
        "stuff_a_pixelmaps",
        "stuffthingmaps",
    ]
    (tmp_path / "images").mkdir()
    assert image_folder(tmp_path) == tmp_path / "images"
    assert folders_without_images(tmp_path) == ()


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/panoptic_val2017.json", "val2017"),
        ("annotations/stuff_val2017.json", "val2017"),
        ("annotations/train.json", "train"),
        ("valid/_annotations.coco.json", "valid"),
        ("result.json", "result"),
    ],
)
def test_a_split_is_named_by_its_file_or_folder(tmp_path: Path, file: str, split: str) -> None:
    assert split_name(tmp_path, tmp_path / file) == split


def test_a_data_set_in_a_folder_that_is_called_like_a_split_is_no_split(tmp_path: Path) -> None:
    root = tmp_path / "train"

    assert split_name(root, root / "labels.json") == "labels"


@pytest.mark.parametrize(
    ("folder", "file", "listed", "name"),
    [
        ("val2017", "annotations/instances_val2017.json", "a.jpg", "val2017/a.jpg"),
        ("val2017", "annotations/instances_val2017.json", "val2017/a.jpg", "val2017/a.jpg"),
        ("val2017", "annotations/instances_train2017.json", "a.jpg", "a.jpg"),
        ("images/val", "annotations/val.json", r"C:\x\a.jpg", "val/x/a.jpg"),
        ("train", "train/_annotations.coco.json", "a.jpg", "train/a.jpg"),
        ("images", "result.json", "images/a.jpg", "images/a.jpg"),
        ("val", "annotations/val.json", "..", ""),
    ],
)
def test_images_are_looked_for_in_the_folder_of_their_split(
    tmp_path: Path, folder: str, file: str, listed: str, name: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)

    assert ImagePlace(tmp_path, tmp_path / file).name(listed) == name
