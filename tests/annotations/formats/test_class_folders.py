import os
from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.class_folders import ClassFoldersSource, detect
from decouplednet.annotations.formats.source import Said, Source
from decouplednet.errors import DataError
from tests.annotations import folders


def images(root: Path, *names: str) -> Path:
    for name in names:
        folders.image(root / name)
    return root


def said(source: ClassFoldersSource) -> dict[str, frozenset[str] | None]:
    """Return image to tags of all folders of classes."""
    everything = [one for file in source.annotation_files() for one in source.read(file)]
    return {one.image: one.tags for one in everything if isinstance(one, Said)}


def test_a_folder_for_each_class_gives_tags(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "cat/b.PNG", "dog/a.jpg", "background/c.jpg", "loose.jpg")
    images(tmp_path, "2024/d.jpg", "unsorted/e.jpg", "cat/.hidden.jpg")
    (tmp_path / "cat" / "notes.md").touch()

    source = detect(tmp_path)

    assert source == ClassFoldersSource(tmp_path, by_split=False)
    assert source is not None
    assert said(source) == {
        "background/c.jpg": frozenset(),
        "cat/a.jpg": frozenset({"cat"}),
        "cat/b.PNG": frozenset({"cat"}),
        "dog/a.jpg": frozenset({"dog"}),
    }
    assert [path.name for path in source.annotation_files()] == ["background", "cat", "dog"]
    declared = source.declare()
    assert (declared.classes, declared.findings, declared.splits) == (None, (), {})
    assert (source.name, source.images, source.apart) == ("class_folders", tmp_path, ())
    assert (source.loose, source.splits) == (False, tmp_path / "splits")
    assert source.class_file == tmp_path / "classes.txt"
    named = "2024, background, cat, dog, unsorted"
    assert source.statement == f"folders called as classes: {named}"
    _: type[Source] = ClassFoldersSource


def test_folders_of_classes_in_folders_of_splits_give_splits_too(tmp_path: Path) -> None:
    images(tmp_path, "train/cat/a.jpg", "train/dog/b.jpg", "Val/cat/c.jpg", "Val/zebra/d.jpg")
    images(tmp_path, *(f"train/c{number}/e.jpg" for number in range(5)))

    source = detect(tmp_path)

    assert source == ClassFoldersSource(tmp_path, by_split=True)
    assert source is not None
    assert said(source)["Val/zebra/d.jpg"] == frozenset({"zebra"})
    assert len(said(source)) == 9
    assert source.declare().splits == {
        "Val": ("Val/cat/c.jpg", "Val/zebra/d.jpg"),
        "train": (
            *(f"train/c{number}/e.jpg" for number in range(5)),
            "train/cat/a.jpg",
            "train/dog/b.jpg",
        ),
    }
    named = "c0, c1, c2, c3, c4, ..."
    assert source.statement == f"folders called as classes in folders of splits: {named}"


def test_accents_are_composed(tmp_path: Path) -> None:
    images(tmp_path, "cafe\u0301/a.jpg", "dog/b.jpg")

    source = detect(tmp_path)

    assert source is not None
    assert frozenset({"caf\u00e9"}) in said(source).values()


def test_images_deeper_in_a_folder_are_named(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg", "cat/indoor/more/c.jpg")
    (tmp_path / "dog" / "empty").mkdir()
    source = ClassFoldersSource(tmp_path, by_split=False)

    found = [one for file in source.annotation_files() for one in source.read(file)]

    assert [one for one in found if isinstance(one, Finding)] == [
        Finding(
            "nested-classes",
            str(tmp_path / "cat" / "indoor"),
            "lies in the folder of the class 'cat', so it is not clear which of the two is the "
            "class; move its images up into the folder of their class",
        )
    ]
    assert detect(tmp_path) == source


def test_a_folder_that_holds_images_only_in_folders_is_named(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg", "birds/owl/c.jpg", "birds/jay/d.jpg")
    source = detect(tmp_path)

    assert source is not None
    assert source.declare().findings == (
        Finding(
            "nested-classes",
            str(tmp_path / "birds"),
            "holds images only in the folders in it, so it is not clear what their class is "
            f"called; move these folders up into {tmp_path}, or their images into this one",
        ),
    )


def test_a_folder_whose_name_no_class_can_have_is_named(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg", "cows, sheep/c.jpg")
    source = detect(tmp_path)

    assert source is not None
    assert source.declare().findings == (
        Finding(
            "bad-class-name",
            str(tmp_path / "cows, sheep"),
            "no class can be called as this folder, because of a ; or , or spaces at its ends; "
            "rename it",
        ),
    )
    assert len(list(source.annotation_files())) == 2


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "b.jpg"],
        ["cat/a.jpg"],
        ["cat/a.jpg", "2024/b.jpg", "unsorted/c.jpg"],
        ["train/a.jpg", "val/b.jpg"],
        ["train/cat/a.jpg", "val/cat/b.jpg"],  # one class
        ["animals/cat/a.jpg", "animals/dog/b.jpg"],  # which of the folders is a class?
        ["train/x/cat/a.jpg", "train/x/dog/b.jpg"],
        ["images/cat/a.jpg", "images/dog/b.jpg"],
        ["images/a.jpg", "labels/b.jpg", "cat/c.jpg", "dog/c.jpg"],
        ["cat/a.jpg", "dog/b.jpg", "masks/a.png"],
        [],
    ],
)
def test_other_folders_are_left_alone(tmp_path: Path, names: list[str]) -> None:
    assert detect(images(tmp_path, *names)) is None


@pytest.mark.parametrize(
    "file", ["tags.csv", "labels.csv", "export.json", "data.yaml", "cat/a.json", "dog/b.txt"]
)
def test_folders_with_annotations_of_a_tool_are_left_alone(tmp_path: Path, file: str) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg")
    assert detect(tmp_path) is not None

    (tmp_path / file).touch()

    assert detect(tmp_path) is None


@pytest.mark.parametrize("file", ["README.txt", "notes.md", "cat/LICENSE.txt"])
def test_notes_beside_images_are_no_annotations(tmp_path: Path, file: str) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / file).touch()

    assert detect(tmp_path) is not None


@pytest.mark.parametrize(
    ("listed", "is_found"),
    [("cat\ndog\ncow\n", True), ("cat\n", False), ("", False), ("cat\ncat\n", False)],
)
def test_a_class_list_must_name_the_folders(tmp_path: Path, listed: str, is_found: bool) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg", "background/c.jpg")
    (tmp_path / "classes.txt").write_text(listed)

    assert (detect(tmp_path) is not None) is is_found


def test_a_folder_of_voc_or_none_is_left_alone(tmp_path: Path) -> None:
    assert detect(tmp_path / "none") is None
    images(tmp_path, "cat/a.jpg", "dog/b.jpg", "JPEGImages/c.jpg")
    assert detect(tmp_path) is None


def test_a_link_in_a_circle_is_no_folder(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "cat" / "again").symlink_to("again")
    (tmp_path / "circle").symlink_to("circle")

    source = detect(tmp_path)

    assert source is not None
    assert len(said(source)) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg")
    source = ClassFoldersSource(tmp_path, by_split=False)
    (tmp_path / "cat").chmod(0)

    with pytest.raises(DataError, match=r"cat: cannot be read: Permission denied$"):
        list(source.read(tmp_path / "cat"))
    (tmp_path / "cat").chmod(0o700)


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    source = ClassFoldersSource(tmp_path, by_split=False)

    with pytest.raises(DataError, match=r"cat: cannot be read: No such file or directory$"):
        list(source.read(tmp_path / "cat"))
