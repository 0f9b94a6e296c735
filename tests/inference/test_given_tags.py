from pathlib import Path

import pytest

from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from decouplednet.inference.given_tags import read_given_tags

CLASSES = ClassList(("cat", "cow"))


def table(folder: Path, *rows: str) -> Path:
    file = folder / "tags.csv"
    file.write_text("image,tags\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return file


def test_rows_are_matched_with_and_without_extension(tmp_path: Path) -> None:
    file = table(tmp_path, "a.jpg,cat", "sub/b,cow;cat", "sub/c.PNG,")

    given = read_given_tags(file, CLASSES, {"a", "sub/b", "sub/c", "d"})

    assert given.of == {"a": {"cat"}, "sub/b": {"cat", "cow"}, "sub/c": set()}
    assert given.unknown == {}
    assert given.unmatched == 0


def test_a_name_that_ends_like_a_file_s_is_matched_as_it_stands(tmp_path: Path) -> None:
    given = read_given_tags(table(tmp_path, "a.jpg,cat"), CLASSES, {"a.jpg"})

    assert given.of == {"a.jpg": {"cat"}}


def test_unknown_names_are_ignored_and_counted(tmp_path: Path) -> None:
    file = table(tmp_path, "a,cat;tree", "b,tree", "c,bird;cow", "elsewhere,wall")

    given = read_given_tags(file, CLASSES, {"a", "b", "c"})

    assert given.of == {"a": {"cat"}, "b": set(), "c": {"cow"}}
    assert given.unknown == {"bird": 1, "tree": 2}


def test_rows_of_other_images_are_counted(tmp_path: Path) -> None:
    file = table(tmp_path, "a,cat", "x,cow", "y,")

    assert read_given_tags(file, CLASSES, {"a"}).unmatched == 2


def test_a_row_that_nobody_looked_at_leaves_the_image_to_the_model(tmp_path: Path) -> None:
    file = table(tmp_path, "a,?")

    given = read_given_tags(file, CLASSES, {"a"})

    assert given.of == {}
    assert given.unmatched == 0


def test_a_faulty_row_is_refused_before_anything_is_predicted(tmp_path: Path) -> None:
    file = table(tmp_path, "a,cat", "a,cow", "b,cat,cow")

    with pytest.raises(DataError, match=r"tags\.csv: line 3: 'a' already has a row.*\(1 more\)"):
        read_given_tags(file, CLASSES, {"a", "b"})


def test_a_table_without_the_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("file,labels\na,cat\n")

    with pytest.raises(DataError, match=r"the first line must be image,tags"):
        read_given_tags(tmp_path / "tags.csv", CLASSES, {"a"})
