from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.dataset.masks import masked_images
from tests.dataset.pictures import noise, record


def test_images_without_a_chosen_class_are_excluded_and_named(
    records: list[Record], tmp_path: Path
) -> None:
    sky = record(tmp_path, "sky", noise(5, 8, 9), mask=np.zeros((8, 9), np.uint8))
    car = record(tmp_path, "car", noise(6, 8, 9), mask=np.full((8, 9), 1, np.uint8))

    images = masked_images([sky, *records, car])

    assert images.records == tuple(records)
    assert images.excluded == ("sky", "car")
    assert all(images[draw].asked.any() for draw in range(6))


def test_masks_without_any_chosen_class_are_refused(records: list[Record]) -> None:
    message = (
        "none of the 3 masks to train from holds one of the classes cow; "
        "add masks, or choose other classes"
    )
    with pytest.raises(DataError, match=message):
        masked_images(records, classes=ClassList(("cow",)))


def test_no_masks_are_refused() -> None:
    with pytest.raises(DataError, match="none of the 0 masks to train from holds"):
        masked_images([])


def test_an_image_without_mask_is_refused(tmp_path: Path) -> None:
    bare = record(tmp_path, "bare", noise(0, 5, 7))

    with pytest.raises(DataError, match=r"bare\.png: the image has no mask to train from"):
        masked_images([bare])


def test_a_mask_of_another_size_is_refused_before_training(tmp_path: Path) -> None:
    bad = record(tmp_path, "bad", noise(0, 5, 7), mask=np.ones((5, 8), np.uint8))

    with pytest.raises(
        DataError, match=r"bad_mask\.png: the mask is 8 x 5 pixels, its image 7 x 5"
    ):
        masked_images([bad])


def test_an_id_beyond_the_source_is_refused_before_training(tmp_path: Path) -> None:
    bad = record(tmp_path, "bad", noise(0, 5, 7), mask=np.full((5, 7), 5, np.uint8))

    with pytest.raises(DataError, match=r"bad_mask\.png: id 5 at row 0, column 0 is no class"):
        masked_images([bad])


def test_a_mask_of_ignored_pixels_alone_is_excluded_where_the_tags_name_no_class(
    records: list[Record], tmp_path: Path
) -> None:
    ignored = record(
        tmp_path,
        "ignored",
        noise(0, 9, 9),
        tags=frozenset(),
        mask=np.full((9, 9), 255, np.uint8),
    )

    assert masked_images([*records, ignored]).excluded == ("ignored",)


def test_masks_of_classes_without_masks_alone_are_refused(records: list[Record]) -> None:
    with pytest.raises(
        DataError, match=r"none of the 3 masks to train from holds one of the cl.*cow"
    ):
        masked_images(records, masked=ClassList(("cow",)))
