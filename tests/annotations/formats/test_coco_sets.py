"""Data sets in COCO's form of several files, or of other tools, and how they are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats import coco_names
from decouplednet.annotations.formats.coco import detect
from decouplednet.annotations.formats.coco_names import declared_names
from decouplednet.annotations.formats.source import Said
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations import folders
from tests.annotations.formats import coco_sets
from tests.annotations.formats.coco_sets import image, instances, of, square

BOX = (2, 3, 4, 5)


def official(root: Path) -> Path:
    """Write a folder as COCO 2017 is unpacked."""
    annotations = root / "annotations"
    for split, name in (("train2017", "000001.jpg"), ("val2017", "000002.jpg")):
        instances(annotations / f"instances_{split}.json", [image(1, name)], [square(1, 3, BOX)])
        for kind, one in (
            ("captions", {"image_id": 1, "caption": "a dog"}),
            ("person_keypoints", {**square(1, 3, BOX), "num_keypoints": 0}),
            ("stuff", square(1, 1, BOX)),
        ):
            file = annotations / f"{kind}_{split}.json"
            instances(file, [image(1, name)], [one])
        coco_sets.pictures(root / split, name)
    return root


def read(root: Path) -> list[Said | Finding]:
    source = detect(root)
    assert source is not None
    return [one for file in source.annotation_files() for one in source.read(file)]


def test_of_coco_s_own_files_those_of_instances_count_and_each_is_a_split(tmp_path: Path) -> None:
    source = detect(official(tmp_path))

    assert source is not None
    assert source.statement == "COCO, from annotations/instances_train2017.json and 1 more"
    assert [path.name for path in source.annotation_files()] == [
        "instances_train2017.json",
        "instances_val2017.json",
    ]
    assert source.declare().splits == {
        "train2017": ("train2017/000001",),
        "val2017": ("val2017/000002",),
    }
    assert [one.image for one in read(tmp_path) if isinstance(one, Said)] == [
        "train2017/000001.jpg",
        "val2017/000002.jpg",
    ]


def test_folders_of_roboflow_are_splits(tmp_path: Path) -> None:
    classes = (
        {"id": 0, "name": "animals", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "animals"},
        {"id": 2, "name": "dog", "supercategory": "animals"},
    )
    for split in ("train", "valid"):
        file = tmp_path / split / "_annotations.coco.json"
        instances(file, [image(1, "a.jpg")], [square(1, 2, BOX)], classes)
        coco_sets.pictures(tmp_path / split, "a.jpg")

    source = detect(tmp_path)

    assert source is not None
    assert source.images == tmp_path
    assert source.declare().classes == ClassList(("cat", "dog"))
    assert source.declare().splits == {"train": ("train/a",), "valid": ("valid/a",)}
    assert [one.image for one in read(tmp_path) if isinstance(one, Said)] == [
        "train/a.jpg",
        "valid/a.jpg",
    ]


def test_label_studio_and_cvat_have_their_images_in_a_folder(tmp_path: Path) -> None:
    for name, file in (("studio", "result.json"), ("cvat", "annotations/instances_default.json")):
        root = tmp_path / name
        instances(root / file, [image(1, "images/a.jpg")], [square(1, 1, BOX)])
        coco_sets.pictures(root / "images", "a.jpg")

        source = detect(root)

        assert source is not None
        assert source.images == root / "images"
        assert [one.image for one in read(root) if isinstance(one, Said)] == ["images/a.jpg"]


def test_classes_of_several_files_are_united_in_the_order_of_the_first(tmp_path: Path) -> None:
    first = ({"id": 5, "name": "dog"}, {"id": 2, "name": "cat"})
    second = ({"id": 1, "name": "cow"}, {"id": 2, "name": "dog"}, {"id": 9, "name": "dog"})
    for name, classes in (("a", first), ("b", second)):
        file = tmp_path / "annotations" / f"{name}.json"
        instances(file, [image(1, f"{name}.jpg")], [square(1, 2, BOX)], classes)

    source = detect(tmp_path)

    assert source is not None
    assert source.declare().classes == ClassList(("cat", "dog", "cow"))
    assert [one.tags for one in read(tmp_path) if isinstance(one, Said)] == [of("cat"), of("dog")]


def test_two_files_of_one_split_give_it_together(tmp_path: Path) -> None:
    for file, name in (("instances_x.json", "a.jpg"), ("stuff.json", "b.jpg")):
        instances(tmp_path / "annotations" / file, [image(1, name)], [square(1, 1, BOX)])
    instances(tmp_path / "x.json", [image(1, "c.jpg"), image(2, "a.jpg")], [square(1, 1, BOX)])

    source = detect(tmp_path)

    assert source is not None
    assert source.declare().splits == {"x": ("a", "c")}


@pytest.mark.parametrize("made", ["tags.csv", "JPEGImages/a.jpg", "masks/a.png"])
def test_other_layouts_stay_what_they_are_beside_annotations_of_coco(
    tmp_path: Path, made: str
) -> None:
    official(tmp_path)
    folders.image(tmp_path / "images" / "a.jpg")
    (tmp_path / made).parent.mkdir(exist_ok=True)
    (tmp_path / made).touch()

    assert detect(tmp_path) is None


@pytest.mark.parametrize(
    "content", [{}, {"images": []}, [], {"shapes": [], "imagePath": "a.jpg"}, {"annotations": 1}]
)
def test_other_json_files_are_not_coco(tmp_path: Path, content: Any) -> None:
    folders.image(tmp_path / "images" / "a.jpg")
    (tmp_path / "result.json").write_text(json.dumps(content))

    assert detect(tmp_path) is None


def test_captions_and_keypoints_alone_are_no_data_set(tmp_path: Path) -> None:
    official(tmp_path)
    for kind in ("instances", "stuff"):
        for file in (tmp_path / "annotations").glob(f"{kind}_*"):
            file.unlink()

    assert detect(tmp_path) is None


def test_a_list_of_classes_beside_them_changes_nothing(tmp_path: Path) -> None:
    official(tmp_path)
    (tmp_path / "classes.txt").write_text("dog\n")

    assert detect(tmp_path) is not None


def test_names_of_classes_are_read_from_the_end_where_they_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = instances(tmp_path / "x.json", [image(1, "a.jpg")], [square(1, 1, BOX)])
    monkeypatch.setattr(coco_names, "_TAIL", 200)
    monkeypatch.setattr(coco_names, "json_items", None)  # the file is not read from its start

    assert declared_names(file).order == ("cat", "dog", "cow")


@pytest.mark.parametrize(
    "inside",
    [
        {"info": {"categories": [{"id": 1, "name": "other"}]}},
        {"info": {"x": '"categories": [{"id": 1, "name": "other"}]}'}},
        {"annotations": [{"categories": [{"id": 1, "name": "other"}]}]},
    ],
)
def test_what_is_called_the_same_deeper_in_a_file_does_not_count(
    tmp_path: Path, inside: dict[str, Any]
) -> None:
    for content in (
        {"categories": list(coco_sets.CLASSES), "images": [], **inside},
        {**inside, "categories": list(coco_sets.CLASSES), "images": []},
        {**inside, "images": [], "categories": list(coco_sets.CLASSES)},
    ):
        file = coco_sets.write(tmp_path / "x.json", **content)

        assert declared_names(file).order == ("cat", "dog", "cow")


def test_names_in_the_middle_of_a_file_end_the_reading(tmp_path: Path) -> None:
    content = {"images": [], "categories": coco_sets.CLASSES, "annotations": [{"id": 1}]}
    file = tmp_path / "x.json"
    file.write_text(json.dumps(content)[:-1] + " broken")

    assert declared_names(file).order == ("cat", "dog", "cow")


def declared(root: Path, classes: Any) -> tuple[Any, list[Finding]]:
    instances(root / "result.json", [image(1, "a.jpg")], [square(1, 1, BOX)], classes)
    source = detect(root)
    assert source is not None
    found = source.declare()
    return found.classes, list(found.findings)


def test_no_or_too_many_classes_are_told(tmp_path: Path) -> None:
    many = [{"id": number, "name": f"class {number}"} for number in range(300)]
    file = str(tmp_path / "result.json")

    assert declared(tmp_path, many) == (
        None,
        [
            Finding(
                "bad-classes",
                file,
                'the "categories" are no classes: a class list holds 1 to 254 names; this one '
                "holds 300; name those that count in classes.txt",
            )
        ],
    )
    assert declared(tmp_path, []) == (
        None,
        [
            Finding(
                "no-classes",
                file,
                'the "categories" are no classes: a class list holds 1 to 254 names; this one '
                "holds 0; name those that count in classes.txt",
            )
        ],
    )


def test_more_names_than_any_file_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_names, "MOST", 2)
    file = instances(tmp_path / "x.json", [], [])

    with pytest.raises(DataError) as refusal:
        declared_names(file)

    assert str(refusal.value) == f'{file}: has more than 2 "categories"'


def test_a_file_that_is_cut_short_hides_no_other(tmp_path: Path) -> None:
    root = official(tmp_path)
    whole = root / "annotations" / "instances_train2017.json"
    whole.write_text(whole.read_text()[:-60])

    source = detect(root)

    assert source is not None
    found = source.declare()
    assert found.classes == ClassList(("cat", "dog", "cow"))
    assert found.findings == ()  # who reads the file tells it
    assert found.splits["val2017"] == ("val2017/000002",)
    with pytest.raises(DataError, match="no sound JSON"):
        list(source.read(whole))
    whole.with_name("instances_val2017.json").unlink()
    found = source.declare()
    assert found.classes is None
    assert [(one.code, one.file) for one in found.findings] == [("bad-annotations", str(whole))]
