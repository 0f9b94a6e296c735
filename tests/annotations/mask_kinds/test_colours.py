import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from decouplednet.annotations.colour_table import Colour
from decouplednet.annotations.mask_content import Kind
from decouplednet.annotations.mask_kinds import colours
from decouplednet.annotations.mask_kinds.colours import colours_content, files, read
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

CLASSES = ClassList(("cat", "dog"))
LINES = {"background": (0, 0, 0), "cat": (250, 50, 83), "dog": (0, 0, 4)}
IDS = {"background": 0, "cat": 1, "dog": 2, "ignored": 255}


def write_table(path: Path, lines: dict[str, Colour]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    form = "{}:{}::\n" if path.name == "labelmap.txt" else "{},{}\n"
    path.write_text(
        "".join(form.format(name, ",".join(map(str, colour))) for name, colour in lines.items())
    )
    return path


def drawn(lines: dict[str, Colour]) -> tuple[Image.Image, Image.Image]:
    """Return a picture with a rectangle in each colour, and one with the ids, by Pillow."""
    shown, ids = Image.new("RGB", (53, 37)), Image.new("L", (53, 37))
    for at, (name, colour) in enumerate(lines.items()):
        place = (5 + 9 * at, 3 + 2 * at, 17 + 9 * at, 30 - 3 * at)
        ImageDraw.Draw(shown).rectangle(place, fill=colour)
        ImageDraw.Draw(ids).rectangle(place, fill=IDS[name])
    return shown, ids


def read_back(mask: Path, table: Path, *, numbers: bool = False) -> NDArray[np.uint8]:
    return read(colours_content(mask, (table,), numbers=numbers), Path("no.jpg"), CLASSES)


@pytest.fixture(params=["labelmap.txt", "class_dict.csv"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A table in either form, beside the folder of masks."""
    (tmp_path / "masks" / "sub").mkdir(parents=True)
    return write_table(tmp_path / request.param, LINES | {"ignored": (255, 255, 255)})


@pytest.mark.parametrize("strip", [100, 2**20])
@pytest.mark.parametrize(
    ("name", "convert"),
    [("a.png", "RGB"), ("a.tif", "RGB"), ("a.bmp", "RGB"), ("a.png", "P"), ("a.gif", "P")],
)
def test_every_pixel_has_the_class_of_its_colour(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: Path,
    name: str,
    convert: str,
    strip: int,
) -> None:
    monkeypatch.setattr(colours, "_PIXELS", strip)
    shown, ids = drawn(LINES | {"ignored": (255, 255, 255)})
    picture = shown if convert == "RGB" else shown.quantize(9, dither=Image.Dither.NONE)
    picture.save(tmp_path / "masks" / "sub" / name)

    mask = read_back(tmp_path / "masks" / "sub" / name, table)

    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, np.asarray(ids))


def test_black_is_background_and_voc_s_outline_ignored_unless_the_table_says_otherwise(
    tmp_path: Path,
) -> None:
    pixels = np.array([[[0, 0, 0], [224, 224, 192], [7, 7, 7]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")

    few = write_table(tmp_path / "few.csv", {"cat": (7, 7, 7)})
    assert read_back(tmp_path / "a.png", few).tolist() == [[0, 255, 1]]
    more = {"cat": (0, 0, 0), "dog": (224, 224, 192), "background": (7, 7, 7)}
    all_ = write_table(tmp_path / "all.csv", more)
    assert read_back(tmp_path / "a.png", all_).tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("name", ["Background", "__background__"])
def test_special_names_are_0_and_255(tmp_path: Path, name: str) -> None:
    rows: dict[str, Colour] = {name: (1, 1, 1), "Unlabelled": (2, 2, 2), "255": (3, 3, 3)}
    table = write_table(tmp_path / "a.csv", rows)
    Image.fromarray(np.array([[1, 2, 3]], dtype=np.uint8)).save(tmp_path / "a.png")

    assert read_back(tmp_path / "a.png", table).tolist() == [[0, 255, 255]]


def test_a_class_of_a_special_name_is_a_class(tmp_path: Path) -> None:
    table = write_table(tmp_path / "a.csv", {"ignored": (2, 2, 2)})
    Image.fromarray(np.array([[2]], dtype=np.uint8)).save(tmp_path / "a.png")
    content = colours_content(tmp_path / "a.png", (table,), numbers=False)

    assert read(content, Path("no.jpg"), ClassList(("ignored",))).tolist() == [[1]]


def test_greys_are_colours_where_the_table_has_them(tmp_path: Path) -> None:
    table = write_table(tmp_path / "a.csv", {"cat": (255, 255, 255), "dog": (9, 9, 9)})
    Image.fromarray(np.array([[0, 255, 9]], dtype=np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.array([[0, 1, 1]], dtype=np.bool_)).save(tmp_path / "two.png")

    for numbers in (True, False):
        assert read_back(tmp_path / "a.png", table, numbers=numbers).tolist() == [[0, 1, 2]]
        assert read_back(tmp_path / "two.png", table, numbers=numbers).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_other_greys_are_numbers_of_lines_and_255_is_ignored(
    tmp_path: Path, dtype: type[np.uint8] | type[np.uint16]
) -> None:
    table = write_table(tmp_path / "labelmap.txt", LINES)
    Image.fromarray(np.array([[0, 1, 2, 255]], dtype=dtype)).save(tmp_path / "a.png")

    assert read_back(tmp_path / "a.png", table, numbers=True).tolist() == [[0, 1, 2, 255]]


def test_a_white_object_that_no_label_claims_is_refused(tmp_path: Path) -> None:
    table = write_table(tmp_path / "labelmap.txt", LINES)
    Image.fromarray(np.array([[0, 255]], dtype=np.uint8)).save(tmp_path / "a.png")

    message = (
        "a.png: holds only 0 and 255, and no line of labelmap.txt is white: give the label of the "
        "object the colour 255,255,255 there, or write the number of its line in place of 255"
    )
    with pytest.raises(DataError, match=f"{re.escape(message)}$"):
        read_back(tmp_path / "a.png", table, numbers=True)


def test_greys_that_are_neither_colours_nor_numbers_are_named(tmp_path: Path) -> None:
    table = write_table(tmp_path / "labelmap.txt", LINES)
    Image.fromarray(np.array([[0, 3, 3, 7, 1, 255]], dtype=np.uint8)).save(tmp_path / "a.png")

    message = (
        "a.png: holds greys that are neither colours of labelmap.txt nor numbers of its lines "
        "(0 to 2): 3 in 2 pixels, 7 in 1 pixel; correct them, or export colours"
    )
    with pytest.raises(DataError, match=f"{re.escape(message)}$"):
        read_back(tmp_path / "a.png", table, numbers=True)


def test_unknown_colours_are_named_with_their_number_and_the_nearest_label(tmp_path: Path) -> None:
    table = write_table(tmp_path / "class_dict.csv", LINES)
    pixels = np.zeros((3, 4, 3), dtype=np.uint8)
    pixels[0] = (250, 50, 80)
    pixels[1, :2] = (0, 1, 3)
    pixels[2, 0] = (250, 50, 83)
    Image.fromarray(pixels).save(tmp_path / "a.png")

    message = (
        "a.png: holds colours that class_dict.csv lacks: 250,50,80 in 4 pixels (nearest is cat, "
        "250,50,83), 0,1,3 in 2 pixels (nearest is dog, 0,0,4); add them to it, or export the mask "
        "without smoothing"
    )
    with pytest.raises(DataError, match=f"{re.escape(message)}$"):
        read_back(tmp_path / "a.png", table)


@pytest.mark.parametrize(
    ("name", "line"),
    [("labelmap.txt", "ignored:255,255,255::"), ("class_dict.csv", "ignored,255,255,255")],
)
def test_white_that_the_table_lacks_may_be_ignored_by_a_line(
    tmp_path: Path, name: str, line: str
) -> None:
    table = write_table(tmp_path / name, LINES)
    Image.new("RGB", (2, 1), "white").save(tmp_path / "a.png")

    message = (
        f"a.png: holds colours that {name} lacks: 255,255,255 in 2 pixels (nearest is cat, "
        "250,50,83); add them to it, or export the mask without smoothing; where white means "
        f"ignored, add the line {line}"
    )
    with pytest.raises(DataError, match=f"{re.escape(message)}$"):
        read_back(tmp_path / "a.png", table)
    table.write_text(f"{table.read_text()}{line}\n")
    assert read_back(tmp_path / "a.png", table).tolist() == [[255, 255]]


@pytest.mark.parametrize(
    ("size", "more"), [((2, 3), "and 2 more"), ((40, 60), "and more than 1000 others")]
)
def test_of_many_unknown_colours_the_most_frequent_are_named(
    tmp_path: Path, size: tuple[int, int], more: str
) -> None:
    table = write_table(tmp_path / "class_dict.csv", LINES)
    codes = np.arange(size[0] * size[1]) + 1000
    pixels = np.stack([codes % 256, codes // 256, np.full_like(codes, 77)], -1)
    Image.fromarray(pixels.reshape(*size, 3).astype(np.uint8)).save(tmp_path / "a.png")

    with pytest.raises(DataError, match=rf"lacks: ([^)]+\)(, )?){{4}} {more}; add them to it"):
        read_back(tmp_path / "a.png", table)


def test_a_name_that_is_no_class_is_refused_where_a_mask_shows_it(tmp_path: Path) -> None:
    table = write_table(tmp_path / "labelmap.txt", {"cow": (1, 9, 1), "cat": (2, 2, 2)})
    colours_of = np.array([[[1, 9, 1], [1, 9, 1], [2, 2, 2]]], dtype=np.uint8)
    Image.fromarray(colours_of).save(tmp_path / "a.png")
    Image.fromarray(np.array([[0, 0, 1]], dtype=np.uint8)).save(tmp_path / "b.png")

    for name, numbers in (("a", False), ("b", True)):
        picture = tmp_path / f"{name}.png"
        message = (
            f"{picture}: shows 'cow' in 2 pixels, but there is no class 'cow'; the classes are "
            "cat, dog"
        )
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            read_back(picture, table, numbers=numbers)
    Image.fromarray(colours_of[:, 2:]).save(tmp_path / "c.png")
    assert read_back(tmp_path / "c.png", table).tolist() == [[1]]


def test_a_corrected_table_counts_at_once_and_the_first_that_is_there(tmp_path: Path) -> None:
    places = (tmp_path / "colours.txt", tmp_path / "class_dict.csv")
    write_table(places[1], {"cat": (9, 9, 9)})
    Image.fromarray(np.array([[9]], dtype=np.uint8)).save(tmp_path / "a.png")
    content = colours_content(tmp_path / "a.png", places, numbers=False)
    before = MaskSource(content, Path("no.jpg"), CLASSES).digest()

    assert read(content, Path("no.jpg"), CLASSES).tolist() == [[1]]
    assert files(content) == (tmp_path / "a.png", places[1])
    write_table(places[1], {"dog": (9, 9, 9)})
    assert read(content, Path("no.jpg"), CLASSES).tolist() == [[2]]
    assert MaskSource(content, Path("no.jpg"), CLASSES).digest() != before
    write_table(places[0], {"background": (9, 9, 9)})
    assert read(content, Path("no.jpg"), CLASSES).tolist() == [[0]]
    places[0].unlink()
    places[1].unlink()
    message = (
        f"{tmp_path / 'a.png'}: there is no table of its colours; write {places[1]} with the lines "
        "name,r,g,b"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read(content, Path("no.jpg"), CLASSES)


def test_a_data_set_may_be_moved(tmp_path: Path) -> None:
    root = tmp_path / "old"
    (root / "masks").mkdir(parents=True)
    content = colours_content(root / "masks" / "a.png", (root / "colours.txt",), numbers=True)

    assert content.kind == Kind.COLOURS
    assert content.details() == {"tables": ["../colours.txt"], "numbers": True}


def test_a_table_behind_a_broken_link_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "colours.txt").symlink_to(tmp_path / "gone.txt")
    Image.new("L", (2, 1)).save(tmp_path / "a.png")

    with pytest.raises(DataError, match=r"colours\.txt: cannot be read: No such file or directory"):
        read_back(tmp_path / "a.png", tmp_path / "colours.txt")
