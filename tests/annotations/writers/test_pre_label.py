import re
from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.writers.native import write_tag_table
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations.writers.areas import CLASSES, pre_label, three


def test_the_label_map_is_read_as_it_was_written(tmp_path: Path) -> None:
    drawn = np.array([[0, 1, 255], [3, 2, 0]], np.uint8)

    np.testing.assert_array_equal(pre_label(tmp_path, "a", drawn).read(CLASSES), drawn)


def test_open_pixels_alone_are_no_black_and_white_mask(tmp_path: Path) -> None:
    drawn = np.zeros((9, 11), np.uint8)
    drawn[2:7] = 255

    np.testing.assert_array_equal(pre_label(tmp_path, "a", drawn).read(CLASSES), drawn)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda file: file.write_bytes(b"no picture"), "not a readable image: its content is of"),
        (lambda file: file.unlink(), "not a readable image: there is no such file"),
        (lambda _: None, "id 3 at row 1, column 0 is no class"),
    ],
)
def test_a_mask_that_is_not_what_was_written_is_named(
    tmp_path: Path, damage: object, found: str
) -> None:
    one = pre_label(tmp_path, "a", np.array([[0], [3]], np.uint8))
    damage(one.mask)  # type: ignore[operator]  # one of three functions

    with pytest.raises(
        DataError,
        match=rf"masks/a\.png: {re.escape(found)}.*; remove it, and go on with --resume$",
    ):
        one.read(ClassList(("cat", "dog")))


def test_the_table_of_tags_has_a_row_for_each_image(tmp_path: Path) -> None:
    write_tag_table(three(tmp_path), tmp_path / "out")

    assert (tmp_path / "out/tags.csv").read_text() == (
        "image,tags\na.png,cat;ant\nsub/b & 'c'.png,cat\nd.jpg,?\n"
    )
