from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.class_masks import ClassMasks, detect
from decouplednet.annotations.formats.source import Declared, Said, Source
from decouplednet.annotations.mask_kinds.binaries import By
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.classes import ClassList
from tests.annotations import folders

SIZE = (37, 53)
AREA = np.zeros(SIZE, dtype=np.uint8)
AREA[5:20, 7:31] = 255


def mask(root: Path, by: By, name: str, label: str, suffix: str = ".png") -> Path:
    stem = f"{label}/{name}" if by == "folder" else f"{name}_{label}"
    path = root / "masks" / f"{stem}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(AREA).save(path)
    return path


def data_set(root: Path, by: By) -> Path:
    folders.image(root / "images" / "a.jpg", SIZE)
    folders.image(root / "images" / "img_2.png", SIZE)
    for name, label in (("a", "dog"), ("a", "big cat"), ("img_2", "dog")):
        mask(root, by, name, label)
    return root


def found(root: Path) -> ClassMasks:
    source = detect(root)
    assert source is not None
    return source


@pytest.mark.parametrize(("by", "place"), [("folder", "CLASS/IMAGE"), ("suffix", "IMAGE_CLASS")])
def test_a_mask_of_each_class_is_read(tmp_path: Path, by: By, place: str) -> None:
    source: Source = found(data_set(tmp_path, by))

    assert source == ClassMasks(tmp_path, by)
    assert source.name == "class-masks"
    assert source.statement == f"a black-and-white mask for each class, masks/{place}.png"
    assert source.images == tmp_path / "images"
    assert source.splits == tmp_path / "splits"
    assert source.class_file is None
    assert source.apart == ()
    assert not source.loose
    classes = ClassList(("big cat", "dog"))
    assert source.declare() == Declared(classes)
    said = [one for file in source.annotation_files() for one in source.read(file)]
    assert [one.image for one in said if isinstance(one, Said)] == ["a", "img_2"]
    masks = [one.mask for one in said if isinstance(one, Said) and one.mask is not None]
    made = [MaskSource(content, tmp_path / "no.jpg", classes).read() for content in masks]
    np.testing.assert_array_equal(made, [AREA // 255 * 2, AREA // 255 * 2])


@pytest.mark.parametrize("by", ["folder", "suffix"])
def test_images_may_lie_in_sub_folders(tmp_path: Path, by: By) -> None:
    root = data_set(tmp_path, by)
    folders.image(root / "images" / "sub" / "b.jpg", SIZE)
    file = mask(root, by, "sub/b", "cow")

    source = found(root)

    assert source.declare() == Declared(ClassList(("big cat", "cow", "dog")))
    assert file in source.annotation_files()
    (said,) = source.read(file)
    assert isinstance(said, Said)
    assert said.image == "sub/b"


def test_masks_by_suffix_may_all_lie_in_sub_folders(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "sub" / "b.jpg", SIZE)
    mask(tmp_path, "suffix", "sub/b", "cow")

    assert found(tmp_path) == ClassMasks(tmp_path, "suffix")


@pytest.mark.parametrize("by", ["folder", "suffix"])
def test_a_mask_of_another_format_is_named_beside_one_that_counts(tmp_path: Path, by: By) -> None:
    root = data_set(tmp_path, by)
    file = mask(root, by, "a", "cow", ".jpg")
    source = found(root)

    assert file in source.annotation_files()
    (finding,) = source.read(file)
    assert isinstance(finding, Finding)
    assert (finding.code, finding.file) == ("mask-format", str(file))


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("folder", "lies in no folder of a class; move it to {}/masks/CLASS/, or remove it"),
        ("suffix", "its name is not IMAGE_CLASS, with an image of {}/images; rename it, or remove"),
    ],
)
def test_a_mask_without_class_is_named(tmp_path: Path, by: By, message: str) -> None:
    root = data_set(tmp_path, by)
    source = found(root)
    Image.fromarray(AREA).save(root / "masks" / "stray.png")

    (finding,) = source.read(root / "masks" / "stray.png")

    assert root / "masks" / "stray.png" in source.annotation_files()
    assert isinstance(finding, Finding)
    assert finding.code == "mask-without-class"
    assert finding.message.startswith(message.format(root))


@pytest.mark.parametrize("by", ["folder", "suffix"])
def test_background_and_ignored_are_no_classes_and_bad_names_are_told(
    tmp_path: Path, by: By
) -> None:
    root = data_set(tmp_path, by)
    for label in ("background", "Ignored", "a;b"):
        mask(root, by, "a", label)

    declared = found(root).declare()

    assert declared.classes == ClassList(("big cat", "dog"))
    assert [(one.code, one.file) for one in declared.findings] == [
        ("bad-class-name", str(root / "masks"))
    ]


def test_the_native_layout_is_none(tmp_path: Path) -> None:
    root = folders.native(
        tmp_path / "a", tags={"a": "cat"}, masks={"a": [1], "a_b": [1], "cat/c": [2]}
    )
    assert detect(root) is None
    in_folders = folders.native(tmp_path / "b", masks={"cat/a": [1], "dog/b": [2]})
    folders.image(in_folders / "images" / "a.png")
    assert detect(in_folders) is None


def test_masks_that_say_only_that_they_are_masks_are_none(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    mask(tmp_path, "suffix", "a", "mask")

    assert detect(tmp_path) is None


def test_masks_without_images_are_none(tmp_path: Path) -> None:
    mask(tmp_path, "folder", "a", "cat")
    assert detect(tmp_path) is None
    folders.image(tmp_path / "images" / "b.jpg", SIZE)
    assert detect(tmp_path) is None
    mask(tmp_path, "suffix", "c", "cat")
    assert detect(tmp_path) is None
    assert detect(tmp_path / "none") is None
