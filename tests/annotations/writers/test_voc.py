"""VOC's folders: palettes, objects and what CVAT must not take for a colour it does not know."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.masks import read_mask
from decouplednet.annotations.writers.labels import labels_of
from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.annotations.writers.voc import voc_colour, write_voc
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations.writers.areas import CLASSES, three

# From VOC2012's list of classes: background, aeroplane, bicycle, cat, person, tvmonitor, ignored.
OF_VOC = {
    0: (0, 0, 0),
    1: (128, 0, 0),
    2: (0, 128, 0),
    8: (64, 0, 0),
    15: (192, 128, 128),
    20: (0, 64, 128),
    255: (224, 224, 192),
}


def write(those: list[PreLabel], folder: Path, *, unsure: bool = False, **more: Any) -> Path:
    labels = labels_of(CLASSES, unsure=unsure)
    write_voc(those, labels, CLASSES, folder, **{"copy_images": False} | more)
    return folder


def colours(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def test_colours_are_those_of_voc() -> None:
    assert {index: voc_colour(index) for index in OF_VOC} == OF_VOC
    assert len({voc_colour(index) for index in range(256)}) == 256


def test_a_tool_that_reads_colours_finds_each_in_labelmap(tmp_path: Path) -> None:
    those = three(tmp_path)
    folder = write(those, tmp_path / "voc", unsure=True)
    lines = (folder / "labelmap.txt").read_text().splitlines()
    names = {}
    for line in lines[1:]:
        name, colour, parts, actions = line.split(":")
        assert (parts, actions) == ("", "")
        names[tuple(map(int, colour.split(",")))] = name

    assert lines[0] == "# label:color_rgb:parts:actions"
    assert [*names.values()] == ["background", *CLASSES, "unsure"]
    value_of = {"background": 0, **{name: CLASSES.index(name) for name in CLASSES}, "unsure": 255}
    for one in those:
        shown = colours(folder / "SegmentationClass" / f"{one.name}.png")
        read = [[value_of[names[tuple(pixel)]] for pixel in row] for row in shown.tolist()]
        np.testing.assert_array_equal(read, read_mask(one.mask))


def test_open_pixels_without_a_label_become_background(tmp_path: Path) -> None:
    (one,) = three(tmp_path)[:1]
    folder = write([one], tmp_path / "voc")

    expected = read_mask(one.mask)
    expected[expected == 255] = 0
    np.testing.assert_array_equal(read_mask(folder / "SegmentationClass/a.png"), expected)
    assert "unsure" not in (folder / "labelmap.txt").read_text()


@pytest.mark.parametrize("unsure", [False, True])
def test_each_label_is_one_object_and_background_none(tmp_path: Path, unsure: bool) -> None:
    those = three(tmp_path)
    folder = write(those, tmp_path / "voc", unsure=unsure)

    for one in those:
        of_class, of_object = (
            read_mask(folder / f"Segmentation{kind}" / f"{one.name}.png")
            for kind in ("Class", "Object")
        )
        present = [int(value) for value in np.unique(of_class) if value]
        for number, value in enumerate(present, start=1):
            np.testing.assert_array_equal(of_object == number, of_class == value)
        np.testing.assert_array_equal(of_object == 0, of_class == 0)


def test_objects_are_counted_from_one_where_no_pixel_is_background(tmp_path: Path) -> None:
    (one,) = three(tmp_path)[:1]
    with Image.open(one.mask) as picture:
        full = np.full((picture.height, picture.width), 2, np.uint8)
    full[:3] = 1
    Image.fromarray(full).save(one.mask)
    folder = write([one], tmp_path / "voc")

    assert np.unique(read_mask(folder / "SegmentationObject/a.png")).tolist() == [1, 2]


def test_the_list_names_the_images_without_extension(tmp_path: Path) -> None:
    folder = write(three(tmp_path), tmp_path / "voc")

    listed = (folder / "ImageSets/Segmentation/default.txt").read_text()
    assert listed == "a\nsub/b & 'c'\nd\n"
    assert not (folder / "JPEGImages").exists()


def test_images_are_copied_if_asked_for(tmp_path: Path) -> None:
    those = three(tmp_path)
    folder = write(those, tmp_path / "voc", copy_images=True)

    for one in those:
        assert (folder / "JPEGImages" / one.listed).read_bytes() == one.image.read_bytes()


def test_an_image_that_is_gone_is_named(tmp_path: Path) -> None:
    one = replace(three(tmp_path)[0], image=tmp_path / "gone.png")

    with pytest.raises(DataError, match=r"gone\.png: cannot be read: No such file or directory$"):
        write([one], tmp_path / "voc", copy_images=True)


@pytest.mark.parametrize("name", ["a:b", "#a"])
def test_a_name_that_labelmap_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    classes = ClassList((name, "b", "c"))
    with pytest.raises(
        DataError,
        match=rf"^class name '{name}': labelmap.txt has ':' between its columns and '#' before "
        r"remarks; rename the class, or choose another --format$",
    ):
        write_voc(
            three(tmp_path),
            labels_of(classes, unsure=False),
            classes,
            tmp_path / "voc",
            copy_images=False,
        )

    assert not (tmp_path / "voc").exists()
