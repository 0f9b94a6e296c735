from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageDraw

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.source import Said
from decouplednet.annotations.images import image_size
from decouplednet.annotations.mask_content import Kind
from decouplednet.annotations.mask_source import MaskSource
from tests.annotations import folders
from tests.annotations.formats.cvat_files import CLASSES, SIZE, image, read


def mask_of(root: Path, shapes: str, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    folders.image(root / "images" / "a.jpg", size)
    (said,) = read(root, image("a.jpg", shapes))
    assert isinstance(said, Said)
    assert said.mask is not None
    return MaskSource(said.mask, root / "images" / "a.jpg", CLASSES).read()


def test_an_image_with_nothing_on_it_is_not_said_to_be_empty(tmp_path: Path) -> None:
    assert read(tmp_path, image("a.jpg")) == [Said("a.jpg")]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ('<tag label="cat" source="manual"><attribute name="x">1</attribute></tag>', {"cat"}),
        ('<tag label="cat"/><tag label="dog"/>', {"cat", "dog"}),
        ('<tag label="background"/>', set()),
        ('<tag label="background"/><tag label="cow"/>', {"cow"}),
        ('<tag label="ignored"/>', None),
    ],
)
def test_tags_are_tags(tmp_path: Path, tags: str, expected: set[str] | None) -> None:
    (said,) = read(tmp_path, image("a.jpg", tags))

    assert said == Said("a.jpg", None if expected is None else frozenset(expected))


def test_shapes_and_tags_are_united(tmp_path: Path) -> None:
    shapes = '<polygon label="dog" points="1,1;9,1;9,9"/><tag label="cow"/>'

    (said,) = read(tmp_path, image("a.jpg", shapes))

    assert isinstance(said, Said)
    assert said.tags == frozenset({"dog", "cow"})
    assert said.drawn == frozenset({"dog"})
    assert said.mask is not None
    assert said.mask.kind == Kind.SHAPES
    assert said.mask.file == tmp_path / "annotations.xml"
    assert said.mask.details() == {
        "size": [37, 53],
        "rest": 0,
        "parts": [{"class": "dog", "polygons": [[1.0, 1.0, 9.0, 1.0, 9.0, 9.0]]}],
    }


def test_a_mask_comes_back_pixel_by_pixel(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    area = rng.random((11, 17)) > 0.6
    runs, value = [0], 0
    for pixel in area.ravel().astype(int).tolist():
        if pixel == value:
            runs[-1] += 1
        else:
            runs.append(1)
            value = pixel
    rle = ", ".join(map(str, runs))
    shapes = (
        f'<mask label="cow" source="manual" occluded="0" rle="{rle}" left="30" top="20" width="17" '
        'height="11" z_order="0"></mask>'
    )
    expected = np.zeros(SIZE, dtype=np.uint8)
    for row in range(11):
        for column in range(17):
            expected[20 + row, 30 + column] = 3 if area[row, column] else 0

    np.testing.assert_array_equal(mask_of(tmp_path, shapes), expected)


def test_shapes_lie_as_their_z_order_says_and_later_ones_on_top(tmp_path: Path) -> None:
    def square(label: str, left: int, order: str) -> str:
        points = f"{left},5;{left + 20},5;{left + 20},25;{left},25"
        return f'<polygon label="{label}" occluded="1" points="{points}" {order}/>'

    shapes = square("cat", 2, 'z_order="3"') + square("dog", 12, "") + square("cow", 22, "")

    mask = mask_of(tmp_path, shapes)

    # Columns 3, 15, 21, 25 and 40 of a row through all three.
    assert mask[15, [3, 15, 21, 25, 40, 50]].tolist() == [2, 2, 2, 3, 3, 0]


@pytest.mark.parametrize(
    ("shape", "draw"),
    [
        (
            '<polygon label="cat" points="4.50,5.50;30.50,8.50;21.50,33.50"/>',
            lambda pen: pen.polygon([(4, 5), (30, 8), (21, 33)], fill=2),
        ),
        (
            '<ellipse label="cat" cx="25.5" cy="18.5" rx="14" ry="9"/>',
            lambda pen: pen.ellipse((11, 9, 39, 27), fill=2),
        ),
    ],
)
def test_outlines_agree_with_pillow_s_but_for_their_border(
    tmp_path: Path, shape: str, draw: object
) -> None:
    ids = Image.new("L", SIZE[::-1])
    assert callable(draw)
    draw(ImageDraw.Draw(ids))
    expected = np.asarray(ids)

    mask = mask_of(tmp_path, shape)

    different = mask != expected
    inner = np.zeros_like(different)
    inner[1:-1, 1:-1] = (
        (expected[1:-1, 1:-1] == expected[:-2, 1:-1])
        & (expected[1:-1, 1:-1] == expected[2:, 1:-1])
        & (expected[1:-1, 1:-1] == expected[1:-1, :-2])
        & (expected[1:-1, 1:-1] == expected[1:-1, 2:])
    )
    assert not (different & inner).any()
    assert set(np.unique(mask)) == {0, 2}


@pytest.mark.parametrize(
    "shape",
    [
        '<box label="cat" xtl="10" ytl="5" xbr="40" ybr="30"/>',
        '<box label="cat" xtl="10" ytl="5" xbr="40" ybr="30" rotation="40.00"/>',
        '<polyline label="cat" points="3,3;40,30"/>',
        '<points label="cat" points="20,20;7,9"/>',
    ],
)
def test_around_what_is_no_outline_nobody_knows(tmp_path: Path, shape: str) -> None:
    mask = mask_of(tmp_path, shape)

    assert set(np.unique(mask)) == {2, 255}
    assert 2 <= (mask == 2).sum() < 0.25 * mask.size


def test_background_and_ignored_may_be_drawn(tmp_path: Path) -> None:
    shapes = (
        '<polygon label="cat" points="0,0;53,0;53,37;0,37"/>'
        '<polygon label="background" points="0,0;20,0;20,37;0,37"/>'
        '<polygon label="ignored" points="30,0;53,0;53,37;30,37"/>'
    )

    mask = mask_of(tmp_path, shapes)

    assert mask[18, [5, 25, 45]].tolist() == [0, 2, 255]


def test_a_turned_image_is_annotated_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    (tmp_path / "images").mkdir()
    Image.new("RGB", (37, 53)).save(tmp_path / "images" / "a.jpg", exif=exif)
    assert image_size(tmp_path / "images" / "a.jpg") == SIZE

    (said,) = read(tmp_path, image("a.jpg", '<polygon label="cat" points="40,0;53,0;53,9;40,9"/>'))

    assert isinstance(said, Said)
    assert said.mask is not None
    mask = MaskSource(said.mask, tmp_path / "images" / "a.jpg", CLASSES).read()
    assert mask.shape == SIZE
    assert (mask[:9, 40:] == 2).all()
    assert (mask == 2).sum() == 9 * 13


def test_an_image_without_a_size_has_that_of_its_file(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg", (20, 30))
    shapes = '<polygon label="cat" points="0,0;9,0;9,9;0,9"/>'

    (said,) = read(tmp_path, image("a.jpg", shapes, more=""))

    assert isinstance(said, Said)
    assert said.mask is not None
    assert MaskSource(said.mask, tmp_path / "images" / "a.jpg", CLASSES).read().shape == (20, 30)


BOX = '<box label="cat" xtl="1" ytl="1" xbr="9" ybr="9"/>'


@pytest.mark.parametrize(
    ("shapes", "more", "code", "message"),
    [
        (
            '<polygon label="cat" points="1,1;2,2"/>' + BOX,
            'width="53" height="37"',
            "bad-shape",
            "shape 1, a polygon, has 2 points, a polygon at least 3; draw it anew, or remove it",
        ),
        (
            f'{BOX}<mask label="cat" rle="1" left="0" top="0" width="2" height="2"/>'
            '<box label="cat" xtl="1" ytl="1" xbr="9" ybr="9" z_order="top"/>',
            'width="53" height="37"',
            "bad-shape",
            "shape 2, a mask, has runs of 1 pixels in all, and is 2 x 2 pixels; draw it anew, or "
            "remove it (1 more)",
        ),
        (
            '<box label="cat" xtl="1" ytl="1" xbr="9" ybr="9" z_order="top"/>',
            'width="53" height="37"',
            "bad-shape",
            "shape 1, a box, has the z_order 'top', no whole number; draw it anew, or remove it",
        ),
        (
            BOX,
            'width="53" height="x"',
            "bad-image-size",
            "its width and height are '53' and 'x', no numbers of pixels; export it anew, or "
            "remove it",
        ),
        (
            BOX,
            'width="0" height="37"',
            "bad-image-size",
            "its width and height are '0' and '37', no numbers of pixels; export it anew, or "
            "remove it",
        ),
        (
            BOX,
            'width="100000" height="100000"',
            "bad-image-size",
            "is said to be 100000 x 100000 pixels, more than 89478485 in all; export it anew, or "
            "remove it",
        ),
    ],
)
def test_a_fault_of_one_image_is_named_and_the_others_are_read(
    tmp_path: Path, shapes: str, more: str, code: str, message: str
) -> None:
    tags = '<tag label="dog"/>'
    one, two, three = read(tmp_path, image("s/a.jpg", shapes + tags, more), image("b.jpg", tags))

    assert one == Finding(code, str(tmp_path / "annotations.xml"), f"image 's/a.jpg': {message}")
    assert two == Said("s/a.jpg", frozenset({"dog"}))
    assert three == Said("b.jpg", frozenset({"dog"}))


@pytest.mark.parametrize(
    ("label", "hint"), [("caat", "did you mean 'cat'?"), ("tree", "add it there, or remove its")]
)
def test_a_label_that_meta_lacks_is_named_once_and_its_pixels_are_ignored(
    tmp_path: Path, label: str, hint: str
) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    shape = f'<polygon label="{label}" points="0,0;9,0;9,9;0,9"/>'

    fault, said = read(tmp_path, image("a.jpg", f'{shape}{shape}<tag label="{label}"/>'))

    assert isinstance(fault, Finding)
    assert fault.code == "unknown-label"
    text = f"image 'a.jpg': there is no label {label!r} in <meta>; {hint}"
    assert fault.message.startswith(text)
    assert isinstance(said, Said)
    assert (said.tags, said.drawn) == (None, frozenset())
    assert said.mask is not None
    mask = MaskSource(said.mask, tmp_path / "images" / "a.jpg", CLASSES).read()
    assert (mask[:9, :9] == 255).all()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            '<cuboid label="cat" xtl1="1"/>',
            "1 cuboid is not read; draw polygons or masks instead, or remove them",
        ),
        (
            '<cuboid label="cat"/><skeleton label="x"><points label="y" points="1,1"/></skeleton>'
            '<skeleton label="x"/>',
            "1 cuboid and 2 skeletons are not read; draw polygons or masks instead, or remove them",
        ),
    ],
)
def test_shapes_that_are_not_read_are_counted(tmp_path: Path, shapes: str, message: str) -> None:
    drawn = '<polygon label="cat" points="0,0;9,0;9,9"/>'

    fault, said = read(tmp_path, image("a.jpg", shapes + drawn))

    where = str(tmp_path / "annotations.xml")
    assert fault == Finding("unread-shape", where, f"image 'a.jpg': {message}")
    assert isinstance(said, Said)
    assert said.mask is not None
    assert said.mask.details()["rest"] == 255  # what they would have covered is not known
