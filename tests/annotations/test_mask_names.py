from pathlib import Path

import pytest

from decouplednet.annotations.mask_names import has_image, is_ending, named_image, split_owner
from tests.annotations import folders


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("a.jpg", "a_b.PNG", "sub/c.d.tiff", "x_mask.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folders.image(tmp_path / "folder.png" / "e.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("a", True),
        ("a_b", True),
        ("sub/c.d", True),
        ("c.d", False),
        ("folder", False),
        ("A", False),
        ("folder.png/e", True),
    ],
)
def test_images_are_found_whatever_their_extension(images: Path, name: str, there: bool) -> None:
    assert has_image(images, name) is there


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("a", "a"),
        ("a-mask", "a"),
        ("sub/c.d_seg", "sub/c.d"),
        ("x_mask", "x_mask"),
        ("x_mask_mask", "x_mask"),
        ("sub/_mask", "sub/_mask"),
        ("y_mask", "y_mask"),
    ],
)
def test_endings_of_masks_are_left_out_where_that_leads_to_an_image(
    images: Path, name: str, image: str
) -> None:
    assert named_image(name, images) == image


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("a_cat", ("a", "cat")),
        ("a_b_cat", ("a_b", "cat")),
        ("a_c_cat", ("a", "c_cat")),
        ("sub/c.d_cat", ("sub/c.d", "cat")),
        ("a_", None),
        ("_cat", None),
        ("a", None),
        ("sub/a_cat", None),
    ],
)
def test_the_longest_image_owns_a_mask(
    images: Path, name: str, owner: tuple[str, str] | None
) -> None:
    assert split_owner(name, images) == owner


@pytest.mark.parametrize(("label", "ending"), [("mask", True), ("L", True), ("cat", False)])
def test_some_endings_are_no_classes(label: str, ending: bool) -> None:
    assert is_ending(label) is ending
