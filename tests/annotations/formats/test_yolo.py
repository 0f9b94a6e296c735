from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from decouplednet.annotations.formats import yolo
from decouplednet.annotations.formats.source import Source
from decouplednet.annotations.formats.yolo import detect
from decouplednet.annotations.mask_kinds import shapes
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations import folders
from tests.annotations.formats import coco_sets
from tests.annotations.formats.coco_sets import SIZE, of
from tests.annotations.formats.yolo_sets import ORDER, YAML, data_set, read, source_of


def polygon(*corners: tuple[int, int]) -> str:
    """Return corners (column, row) as shares of the image's size."""
    return " ".join(f"{x / SIZE[1]:.6f} {y / SIZE[0]:.6f}" for x, y in corners)


def drawn(root: Path, name: str) -> NDArray[np.uint8]:
    said = read(root)[0][name]
    assert said.mask is not None
    return shapes.read(said.mask, root / "images" / f"{name}.png", ORDER)


def test_outlines_in_shares_of_the_size_become_masks(tmp_path: Path) -> None:
    rectangle = polygon((4, 5), (30, 5), (30, 21), (4, 21))
    smaller = polygon((10, 10), (20, 10), (20, 15), (10, 15))
    data_set(tmp_path, {"train/a": f"2 {smaller}\n\n0 {rectangle}\n", "val/b": f"0 {smaller}"})

    said, told = read(tmp_path)

    expected = np.zeros(SIZE, np.uint8)
    expected[5:21, 4:30] = 1
    expected[10:15, 10:20] = 2
    assert told == []
    assert np.array_equal(drawn(tmp_path, "train/a"), expected)
    assert said["train/a"].tags == said["train/a"].drawn == {"cat", "dog"}
    assert said["val/b"].tags == of("cat")


def test_slanted_outlines_are_drawn_as_pillow_does_but_for_their_edge(tmp_path: Path) -> None:
    corners = ((5, 30), (25, 3), (48, 28))
    data_set(tmp_path, {"a": f"0 {polygon(*corners)}"})
    picture = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(picture).polygon(corners, fill=1)
    outer = np.asarray(picture) > 0
    shifted = [np.roll(outer, (row, column), (0, 1)) for row in (-1, 0, 1) for column in (-1, 0, 1)]

    mask = drawn(tmp_path, "a") > 0

    assert mask[np.logical_and.reduce(shifted)].all()
    assert not mask[~np.logical_or.reduce(shifted)].any()
    assert mask.any()


def test_the_source_is_one(tmp_path: Path) -> None:
    data_set(tmp_path, {"train/a": "0 0.5 0.5 0.2 0.2", "val/b": ""})
    source: Source = source_of(tmp_path)

    assert source.name == "yolo"
    assert source.statement == "YOLO, from labels and data.yaml"
    assert source.images == tmp_path / "images"
    assert source.apart == ()
    assert not source.loose
    assert source.splits is None
    assert source.class_file == tmp_path / "data.yaml"
    declared = source.declare()
    assert declared.classes == ORDER
    assert declared.guessed
    assert declared.findings == ()
    assert declared.splits == {"train": ("train/a",), "val": ("val/b",)}


def test_boxes_say_where_an_object_is_and_not_where_it_ends(tmp_path: Path) -> None:
    data_set(tmp_path, {"a": "0 0.5 0.5 0.4 0.4\n"})

    mask = drawn(tmp_path, "a")

    assert np.unique(mask).tolist() == [1, 255]
    assert mask[SIZE[0] // 2, SIZE[1] // 2] == 1
    assert mask[0, 0] == 255


def test_an_empty_file_was_looked_at_and_a_missing_one_says_nothing(tmp_path: Path) -> None:
    data_set(tmp_path, {"a": " \n", "b": "0 0.5 0.5 0.2 0.2"})
    coco_sets.pictures(tmp_path / "images", "c.png")

    said, told = read(tmp_path)

    assert told == []
    assert set(said) == {"a", "b"}
    assert said["a"].tags == frozenset()
    assert not drawn(tmp_path, "a").any()


def test_labels_that_are_all_empty_are_told_by_data_yaml(tmp_path: Path) -> None:
    data_set(tmp_path, {"a": ""}, None)
    assert detect(tmp_path) is None
    (tmp_path / "data.yaml").write_text(YAML)

    assert detect(tmp_path) is not None


def test_keypoints_after_a_box_are_no_outline(tmp_path: Path) -> None:
    data_set(tmp_path, {"a": "0 0.5 0.5 0.4 0.4 0.1 0.1 0.9 0.9"}, f"{YAML}kpt_shape: [2, 2]\n")

    assert np.unique(drawn(tmp_path, "a")).tolist() == [1, 255]


def test_faults_of_lines_are_told_with_their_number(tmp_path: Path) -> None:
    good = "2 0.5 0.5 0.2 0.2"
    data_set(
        tmp_path,
        {
            "a": f"{good}\n1 0.5 0.5 0.2 0.2",
            "b": f"{good}\ncat 0.5 0.5 0.2 0.2",
            "c": f"{good}\n0 0.5 0.5 0.2",
            "d": f"{good}\n0 0.1 0.1 0.5 x 0.2 0.2",
            "e": f"{good}\n0 10 10 50 10 20 20",
            "f": f"{good}\n0 nan 0.1 0.5 0.5 0.2 0.2",
            "g": f"{good}\n0 -0.005 0.1 1.005 0.5 0.2 0.2",
        },
    )

    said, told = read(tmp_path)

    assert said["a"].mask is not None
    assert [name for name in "bcdefg" if said[name].mask is not None] == ["g"]
    assert said["b"].tags == of("dog")
    assert said["b"].unsaid == {"cat"}
    assert told == [
        ("unknown-class-id", "line 2: there is no class of number 1; its pixels are ignored"),
        ("bad-shape", "line 2: 'cat' is no number of a class; the image has no mask"),
        (
            "bad-shape",
            "line 2: 4 columns; expected 5 (class, centre and size of a box) or 7, 9, ... (class, "
            "x and y of at least 3 corners); the image has no mask",
        ),
        ("bad-shape", "line 2: 'x' is no number; the image has no mask"),
        (
            "bad-shape",
            "line 2: '10' is no share of the image's size, from 0 to 1; the image has no mask",
        ),
        (
            "bad-shape",
            "line 2: 'nan' is no share of the image's size, from 0 to 1; the image has no mask",
        ),
    ]


def test_folders_of_roboflow_are_splits(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        folders.image(tmp_path / split / "images" / "a.jpg", SIZE)
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / "a.txt").write_text("1 0.5 0.5 0.2 0.2")
    (tmp_path / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnames: ['cat', 'no']\n"
    )

    source = source_of(tmp_path)

    assert source.statement == "YOLO, from train/labels, valid/labels and data.yaml"
    assert source.images == tmp_path
    assert source.apart == (tmp_path / "train" / "labels", tmp_path / "valid" / "labels")
    assert source.declare().classes == ClassList(("cat", "no"))
    assert source.declare().splits == {"train": ("train/images/a",), "val": ("valid/images/a",)}
    assert [(name, one.tags) for name, one in read(tmp_path)[0].items()] == [
        ("train/images/a", of("no")),
        ("valid/images/a", of("no")),
    ]


def test_a_split_alone_is_a_data_set_of_its_own(tmp_path: Path) -> None:
    folders.image(tmp_path / "train" / "images" / "a.jpg", SIZE)
    (tmp_path / "train" / "labels").mkdir()
    (tmp_path / "train" / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.2")
    (tmp_path / "data.yaml").write_text("train: train/images\nnames: [cat]\n")

    source = source_of(tmp_path)

    assert source.images == tmp_path / "train" / "images"
    assert list(read(tmp_path)[0]) == ["a"]
    assert source.declare().splits == {"train": ("a",)}


def test_splits_may_be_lists_or_several_folders_or_just_the_folders(tmp_path: Path) -> None:
    box = "0 0.5 0.5 0.2 0.2"
    data_set(tmp_path, {"train/a": box, "more/b": box, "val/c": box})
    (tmp_path / "val.txt").write_text("./images/val/c.png\n\n/elsewhere/images/val/d.png\n")
    (tmp_path / "data.yaml").write_text(
        "train: [images/train, images/more]\nval: val.txt\ntest: images/test\nnames: [cat]\n"
    )
    assert source_of(tmp_path).declare().splits == {
        "train": ("train/a", "more/b"),
        "val": ("val/c", "elsewhere/images/val/d"),
    }

    (tmp_path / "data.yaml").write_text("names: [cat]\n")
    assert source_of(tmp_path).declare().splits == {"train": ("train/a",), "val": ("val/c",)}


def test_lists_outside_of_the_data_set_are_not_opened(tmp_path: Path) -> None:
    root = data_set(tmp_path / "data", {"a": "0 0.5 0.5 0.2 0.2"}, "train: ../x.txt\nnames: [cat]")
    (tmp_path / "x.txt").write_text("secret\n")
    (root / "y.txt").symlink_to(tmp_path / "x.txt")
    assert source_of(root).declare().splits == {}
    (root / "data.yaml").write_text("train: y.txt\nnames: [cat]")
    assert source_of(root).declare().splits == {}

    (root / "z.txt").write_bytes(b"\xff")
    (root / "data.yaml").write_text("train: z.txt\nnames: [cat]")
    (found,) = source_of(root).declare().findings
    assert (found.code, found.file) == ("unreadable-list", str(root))
    assert found.message.startswith(f"{root / 'z.txt'}: not UTF-8 text (byte 0)")


def test_files_that_are_too_large_or_no_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set(tmp_path, {"a": "0 0.5 0.5 0.2 0.2\n" * 3})
    source, file = source_of(tmp_path), tmp_path / "labels" / "a.txt"
    monkeypatch.setattr(yolo, "MOST", 2)
    with pytest.raises(DataError) as refusal:
        list(source.read(file))
    assert str(refusal.value) == f"{file}: has more than 2 lines, which no labels have"
    monkeypatch.setattr(yolo, "LARGEST", 20)
    with pytest.raises(DataError) as refusal:
        list(source.read(file))
    assert str(refusal.value) == f"{file}: has more than 20 bytes, which no labels have"
    with pytest.raises(DataError) as refusal:
        list(source.read(file.parent))
    assert str(refusal.value) == f"{file.parent}: it is no regular file"


@pytest.mark.parametrize(
    "text", ["cat 0.1 0.1 0.2 0.2", "Pedestrian 0.00 0 -0.20 712.40", "0 0.5 0.5", "notes"]
)
def test_other_texts_are_no_labels(tmp_path: Path, text: str) -> None:
    data_set(tmp_path, {"a": text})

    assert detect(tmp_path) is None


@pytest.mark.parametrize("made", ["tags.csv", "masks/a.png"])
def test_other_layouts_stay_what_they_are_beside_labels(tmp_path: Path, made: str) -> None:
    data_set(tmp_path, {"a": "0 0.5 0.5 0.2 0.2"})
    (tmp_path / made).parent.mkdir(exist_ok=True)
    (tmp_path / made).touch()

    assert detect(tmp_path) is None


def test_folders_without_labels_are_none(tmp_path: Path) -> None:
    assert detect(tmp_path) is None
    (tmp_path / "images").mkdir()
    assert detect(tmp_path) is None
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text(YAML)
    assert detect(tmp_path) is None
