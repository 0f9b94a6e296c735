import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.mask_content import Kind
from decouplednet.annotations.mask_kinds.binaries import By, Places, files, notes, read
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations import folders

SIZE = (37, 53)
CLASSES = ClassList(("cat", "cow", "dog"))
NOWHERE = Path("no.jpg")


def box(top: int, left: int, bottom: int, right: int) -> NDArray[np.bool_]:
    area = np.zeros(SIZE, dtype=np.bool_)
    area[top:bottom, left:right] = True
    return area


LARGE, SMALL, OTHER = box(2, 3, 30, 40), box(10, 10, 20, 45), box(31, 0, 37, 53)


def save(path: Path, picture: Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def place(root: Path, by: By, name: str, label: str, suffix: str = ".png") -> Path:
    stem = f"{label}/{name}" if by == "folder" else f"{name}_{label}"
    return root / "masks" / f"{stem}{suffix}"


def mask_of(root: Path, picture: Path, by: By, name: str) -> NDArray[np.uint8]:
    content = Places(root / "masks", root / "images", by).content(picture, name)
    return read(content, NOWHERE, CLASSES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folders.image(tmp_path / "images" / "sub" / "a.png", SIZE)
    folders.image(tmp_path / "images" / "a_b.jpg", SIZE)
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    return tmp_path


def grey(white: int) -> object:
    return lambda area: Image.fromarray(np.where(area, white, 0).astype(np.uint8))


def coloured(area: NDArray[np.bool_]) -> Image.Image:
    return Image.fromarray(np.where(area[..., None], (200, 0, 9), (0, 0, 0)).astype(np.uint8))


def with_palette(area: NDArray[np.bool_]) -> Image.Image:
    image = Image.fromarray(area.astype(np.uint8))
    image.putpalette([0, 0, 0, 128, 0, 0])
    return image


def clear(area: NDArray[np.bool_]) -> Image.Image:
    pixels = np.zeros((*area.shape, 4), dtype=np.uint8)
    pixels[area] = (3, 4, 5, 255)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("by", ["folder", "suffix"])
@pytest.mark.parametrize(
    ("suffix", "stored"),
    [
        (".png", grey(255)),
        (".png", grey(1)),
        (".png", grey(128)),
        (".png", Image.fromarray),
        (".png", coloured),
        (".png", with_palette),
        (".png", clear),
        (".png", lambda area: grey(255)(area).convert("RGB")),  # type: ignore[operator]
        (".tif", grey(255)),
        (".bmp", Image.fromarray),
        (".gif", with_palette),
    ],
)
def test_every_kind_of_black_and_white_is_a_class_and_the_smaller_lies_on_top(
    root: Path, by: By, suffix: str, stored: object
) -> None:
    assert callable(stored)
    pictures = {
        label: save(place(root, by, "sub/a", label, suffix), stored(area))
        for label, area in (("cow", SMALL), ("cat", LARGE), ("dog", OTHER))
    }
    expected = np.zeros(SIZE, dtype=np.uint8)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            ids = ((LARGE, 1), (SMALL, 2), (OTHER, 3))
            covering = [(area.sum(), id_) for area, id_ in ids if area[row, column]]
            expected[row, column] = min(covering)[1] if covering else 0

    for picture in pictures.values():
        mask = mask_of(root, picture, by, "sub/a")
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("by", ["folder", "suffix"])
def test_overlaps_are_told(root: Path, by: By) -> None:
    small = save(place(root, by, "a", "cow"), Image.fromarray(SMALL))
    save(place(root, by, "a", "cat"), Image.fromarray(LARGE))
    picture = save(place(root, by, "a", "dog"), Image.fromarray(OTHER))
    content = Places(root / "masks", root / "images", by).content(picture, "a")

    shared = int((SMALL & LARGE).sum())
    message = f"cow and cat overlap in {shared} pixels; the smaller one counts there, cow"
    expected = (Finding("mask-overlap", str(small), message),)
    assert notes(content, CLASSES) == expected
    assert MaskSource(content, NOWHERE, CLASSES).notes() == expected


def test_of_two_equal_areas_the_later_class_lies_on_top(root: Path) -> None:
    picture = save(place(root, "folder", "a", "cow"), Image.fromarray(SMALL))
    save(place(root, "folder", "a", "cat"), Image.fromarray(SMALL))

    np.testing.assert_array_equal(mask_of(root, picture, "folder", "a"), 2 * SMALL)


def test_a_class_without_a_picture_and_a_black_one_are_not_there(root: Path) -> None:
    picture = save(place(root, "folder", "a", "cow"), Image.new("L", SIZE[::-1]))

    assert not mask_of(root, picture, "folder", "a").any()


def test_a_white_picture_is_all_of_its_class(root: Path) -> None:
    picture = save(place(root, "folder", "a", "dog"), Image.new("L", SIZE[::-1], 255))

    assert (mask_of(root, picture, "folder", "a") == 3).all()


@pytest.mark.parametrize("by", ["folder", "suffix"])
def test_ignored_and_background_have_pictures_too(root: Path, by: By) -> None:
    save(place(root, by, "a", "ignored"), Image.fromarray(SMALL))
    save(place(root, by, "a", "background"), Image.fromarray(box(0, 0, 37, 53)))
    picture = save(place(root, by, "a", "cat"), Image.fromarray(LARGE))
    content = Places(root / "masks", root / "images", by).content(picture, "a")

    np.testing.assert_array_equal(
        read(content, NOWHERE, CLASSES), np.where(SMALL, 255, np.where(LARGE, 1, 0))
    )
    assert [one.message.split(" overlap")[0] for one in notes(content, CLASSES)] == [
        "ignored and cat"
    ]


def test_an_image_with_background_alone_shows_nothing(root: Path) -> None:
    picture = save(place(root, "folder", "a", "background"), Image.fromarray(LARGE))

    assert not mask_of(root, picture, "folder", "a").any()


def test_a_few_greys_between_are_ignored_and_told(root: Path) -> None:
    pixels = np.where(LARGE, 255, 0).astype(np.uint8)
    pixels[1, 5:9] = (60, 120, 180, 120)
    picture = save(place(root, "folder", "a", "cat"), Image.fromarray(pixels))
    save(place(root, "folder", "a", "dog"), Image.fromarray(box(1, 8, 2, 9)))
    content = Places(root / "masks", root / "images", "folder").content(picture, "a")

    expected = LARGE.astype(np.uint8)
    expected[1, 5:9] = (255, 255, 255, 3)
    np.testing.assert_array_equal(read(content, NOWHERE, CLASSES), expected)
    assert notes(content, CLASSES) == (
        Finding("grey-pixels", str(picture), "4 pixels between black and white, which are ignored"),
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            (0, 60, 90, 120, 180, 255),
            "holds 6 greys; the mask of a class holds two, such as 0 and 255; make each pixel "
            "black or white, and save it as PNG, not as JPEG",
        ),
        (
            (0, 1, 2, 3),
            "holds 4 greys; the mask of a class holds two, such as 0 and 255; make each pixel "
            "black or white, and save it as PNG, not as JPEG",
        ),
        (
            ((0, 0, 0), (9, 0, 0), (9, 9, 9)),
            "holds 3 colours; the mask of a class is black and white; export one for each class, "
            "or one in colours for all and a class_dict.csv",
        ),
    ],
)
def test_what_is_not_black_and_white_is_refused(
    root: Path, values: tuple[object, ...], message: str
) -> None:
    pixels = np.array([values], dtype=np.uint8)
    picture = save(place(root, "folder", "a", "cat"), Image.fromarray(pixels))

    with pytest.raises(DataError, match=f"^{re.escape(f'{picture}: {message}')}$"):
        mask_of(root, picture, "folder", "a")


def test_pictures_of_two_sizes_are_refused(root: Path) -> None:
    cat = save(place(root, "folder", "a", "cat"), Image.new("L", (53, 37)))
    dog = save(place(root, "folder", "a", "dog"), Image.new("L", (37, 53)))

    message = f"{dog}: is 37 x 53 pixels, {cat} 53 x 37; all masks of an image have its size"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        mask_of(root, cat, "folder", "a")


def test_a_picture_of_no_class_is_refused(root: Path) -> None:
    save(place(root, "folder", "a", "cat"), Image.fromarray(LARGE))
    picture = save(place(root, "folder", "a", "cta"), Image.fromarray(SMALL))
    other = save(place(root, "suffix", "a", "cta"), Image.fromarray(SMALL))

    message = f"{picture}: there is no class 'cta'; did you mean 'cat'?"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        mask_of(root, picture, "folder", "a")
    message = f"{other}: is the mask of no class; add its class to classes.txt, or remove it"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        mask_of(root, other, "suffix", "a")


def test_the_longest_name_of_an_image_counts(root: Path) -> None:
    classes = ClassList(("b_cat", "cat"))
    short = save(place(root, "suffix", "a", "cat"), Image.fromarray(SMALL))
    long = save(place(root, "suffix", "a_b", "cat"), Image.fromarray(LARGE))
    places = Places(root / "masks", root / "images", "suffix")

    assert files(places.content(short, "a"), classes) == (short,)
    assert files(places.content(long, "a_b"), classes) == (long,)


@pytest.mark.parametrize("by", ["folder", "suffix"])
def test_accents_of_names_may_be_composed_or_not(root: Path, by: By) -> None:
    classes = ClassList(("caf\u00e9",))
    apart = unicodedata.normalize("NFD", "caf\u00e9")
    picture = save(place(root, by, "a", apart), Image.fromarray(SMALL))
    content = Places(root / "masks", root / "images", by).content(picture, "a")

    np.testing.assert_array_equal(read(content, NOWHERE, classes), SMALL.astype(np.uint8))


def test_a_picture_that_is_added_or_moved_to_another_class_makes_another_mask(root: Path) -> None:
    picture = save(place(root, "folder", "a", "cat"), Image.fromarray(SMALL))
    content = Places(root / "masks", root / "images", "folder").content(picture, "a")
    digests = [MaskSource(content, NOWHERE, CLASSES).digest()]

    added = save(place(root, "folder", "a", "dog"), Image.fromarray(OTHER))
    np.testing.assert_array_equal(read(content, NOWHERE, CLASSES), SMALL + 3 * OTHER)
    digests.append(MaskSource(content, NOWHERE, CLASSES).digest())
    place(root, "folder", "a", "cow").parent.mkdir()
    added.rename(place(root, "folder", "a", "cow"))
    np.testing.assert_array_equal(read(content, NOWHERE, CLASSES), SMALL + 2 * OTHER)
    digests.append(MaskSource(content, NOWHERE, CLASSES).digest())

    assert len(set(digests)) == 3


def test_the_content_names_places_from_the_folder_of_the_picture(root: Path) -> None:
    picture = place(root, "folder", "sub/a", "cat")
    content = Places(root / "masks", root / "images", "folder").content(picture, "sub/a")

    assert content.kind == Kind.BINARIES
    assert content.details() == {
        "root": "../..",
        "images": "../../../images",
        "name": "sub/a",
        "by": "folder",
    }
    assert Places.of(content) == Places(root / "masks", root / "images", "folder")


def test_a_folder_of_masks_that_is_gone_is_refused(root: Path) -> None:
    picture = place(root, "folder", "a", "cat")

    with pytest.raises(DataError, match=r"masks: cannot be read: No such file or directory$"):
        mask_of(root, picture, "folder", "a")
