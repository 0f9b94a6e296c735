import pickle

import pytest

from decouplednet.classes import (
    BACKGROUND,
    IGNORE,
    MOST_CLASSES,
    ClassList,
    colour_of,
    nearest_name,
    palette,
)
from decouplednet.errors import DataError

ANIMALS = ClassList(("cat", "cow", "dog"))


def test_indices_count_from_one_because_background_is_zero() -> None:
    assert [ANIMALS.index(name) for name in ANIMALS] == [1, 2, 3]
    assert len(ANIMALS) == 3
    assert "cow" in ANIMALS
    assert "whale" not in ANIMALS
    assert 3 not in ANIMALS


def test_a_class_list_is_a_value() -> None:
    assert ClassList(("cat", "cow", "dog")) == ANIMALS
    assert hash(ClassList(("cat", "cow", "dog"))) == hash(ANIMALS)
    assert pickle.loads(pickle.dumps(ANIMALS)) == ANIMALS  # noqa: S301 - made here


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), r"a class list holds 1 to 254 names; this one holds 0$"),
        (
            tuple(str(i) for i in range(MOST_CLASSES + 1)),
            r"a class list holds 1 to 254 names; this one holds 255$",
        ),
        (("cat", "dog", "cat"), r"class 'cat' is listed twice$"),
        (("background",), r"'background' is index 0 of every class list and is not listed$"),
        *(
            ((name,), r"class name '.*' is empty, has spaces at its ends, or holds one of ; , or a")
            for name in ("", " cat", "cat ", "cat;dog", "cat,dog", "cat\ndog", "cat\rdog")
        ),
        (
            ("cat", "?"),
            r"class name '\?' is what tags\.csv says of an image that nobody has looked at; ch",
        ),
        *(
            ((f"cat{sign}dog",), r"or a line break or another control character; choose another")
            for sign in "\0\t\x0b\x0c\x1c\x85\u2028\u2029\ud800"
        ),
    ],
)
def test_a_list_that_could_not_be_written_and_read_back_is_refused(
    names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        ClassList(names)


def test_the_longest_list_leaves_255_to_ignored_pixels() -> None:
    names = tuple(f"class {i}" for i in range(MOST_CLASSES))

    assert ClassList(names).index(names[-1]) == IGNORE - 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Cat", r"^there is no class 'Cat'; did you mean 'cat'\?$"),
        ("whale", r"^there is no class 'whale'; the classes are cat, cow, dog$"),
    ],
)
def test_an_unknown_class_is_refused_with_what_there_is(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ANIMALS.index(name)


def test_of_a_long_list_the_first_ten_are_named() -> None:
    many = ClassList(tuple("abcdefghijk"))

    assert many.unknown("whale").endswith("the classes are a, b, c, d, e, f, g, h, i, j, ...")


@pytest.mark.parametrize(
    ("name", "near"),
    [("hrose", "horse"), ("HORSE", "horse"), ("birds", "Bird"), ("xylophone", None), ("", None)],
)
def test_the_nearest_name_is_found_whatever_its_case(name: str, near: str | None) -> None:
    assert nearest_name(name, ["cat", "Bird", "horse"]) == near


def test_every_class_of_a_usual_list_has_its_own_colour() -> None:
    colours = [colour_of(index) for index in range(33)]

    assert colours[BACKGROUND] == (0, 0, 0)
    assert colour_of(IGNORE) == (255, 255, 255)
    assert len(set(colours)) == len(colours)
    assert colour_of(1) == (230, 159, 0)
    assert colour_of(9) == (166, 114, 0)  # the same hue, 0.72 as bright


def test_the_palette_holds_the_colour_of_every_index() -> None:
    table = palette()

    assert len(table) == 768
    assert [tuple(table[3 * i : 3 * i + 3]) for i in range(256)] == [
        colour_of(i) for i in range(256)
    ]
