from pathlib import Path

import pytest

from decouplednet.annotations.layout import image_files, layout_of
from decouplednet.errors import DataError
from tests.annotations import folders


def test_a_folder_with_images_is_native_even_beside_voc_s(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "JPEGImages").mkdir()

    layout = layout_of(tmp_path)

    assert layout.name == "native"
    assert (layout.images, layout.masks) == (tmp_path / "images", tmp_path / "masks")
    assert (layout.tags, layout.classes) == (tmp_path / "tags.csv", tmp_path / "classes.txt")
    assert (layout.splits, layout.objects) == (tmp_path / "splits", None)


def test_a_folder_of_voc_is_read_where_voc_puts_things(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()

    layout = layout_of(tmp_path)

    assert layout.name == "voc"
    assert (layout.images, layout.masks) == (
        tmp_path / "JPEGImages",
        tmp_path / "SegmentationClass",
    )
    assert layout.splits == tmp_path / "ImageSets" / "Segmentation"
    assert layout.objects == tmp_path / "Annotations"


@pytest.mark.parametrize("file", ["classes.txt", "tags.csv"])
def test_a_folder_with_its_lists_beside_the_images_is_plain(tmp_path: Path, file: str) -> None:
    (tmp_path / file).touch()
    image = folders.image(tmp_path / "sub" / "a.png")
    folders.mask(tmp_path / "masks" / "sub" / "a.png")
    folders.image(tmp_path / "splits" / "b.png")

    layout = layout_of(tmp_path)

    assert layout.name == "plain"
    assert image_files(layout).images == (image,)


def test_a_native_data_set_may_call_a_class_folder_masks(tmp_path: Path) -> None:
    image = folders.image(tmp_path / "images" / "masks" / "a.png")

    assert image_files(layout_of(tmp_path)).images == (image,)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: there is no such folder$"):
        layout_of(tmp_path / "none")


def test_a_mere_folder_of_images_is_refused_with_the_command_that_starts_one(
    tmp_path: Path,
) -> None:
    folders.image(tmp_path / "sub" / "a.png")
    message = (
        "holds neither images/ nor JPEGImages/, so it is no data set; for a folder of images run: "
        f"decouplednet init {tmp_path}$"
    )
    with pytest.raises(DataError, match=message):
        layout_of(tmp_path)


def test_a_folder_without_any_image_is_not_to_be_started(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    message = r"so it is no data set; nor is there any image in it; name the folder of a data set$"
    with pytest.raises(DataError, match=message):
        layout_of(tmp_path)


@pytest.mark.parametrize("file", ["model.json", "model/model.json", "run.json"])
def test_a_run_in_place_of_the_data_set_is_named(tmp_path: Path, file: str) -> None:
    folders.image(tmp_path / "report" / "a.png")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()

    message = r"is a run or a model, no data set; where .* takes both, the order is MODEL DATA$"
    with pytest.raises(DataError, match=message):
        layout_of(tmp_path)


def test_a_link_in_place_of_the_images_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(tmp_path / "gone")
    (tmp_path / "classes.txt").touch()

    with pytest.raises(DataError, match=r"images: a link that leads to no folder; mend it or rem"):
        layout_of(tmp_path)


@pytest.mark.parametrize(
    "below", ["VOC2012/JPEGImages", "VOCdevkit/VOC2012/JPEGImages", "d/images"]
)
def test_the_data_set_below_is_proposed(tmp_path: Path, below: str) -> None:
    (tmp_path / below).mkdir(parents=True)

    with pytest.raises(DataError, match=rf"did you mean {(tmp_path / below).parent}\?$"):
        layout_of(tmp_path)
