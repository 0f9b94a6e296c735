from pathlib import Path

import pytest

from decouplednet.annotations.class_file import read_classes, write_classes
from decouplednet.errors import DataError


def test_names_are_read_in_their_order_without_what_spreadsheets_add(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(b"\xef\xbb\xbfsheep \r\nbig cat\r\n\r\n")

    assert read_classes(path).names == ("sheep", "big cat")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_ends_as_on_any_system(tmp_path: Path, end: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(f"cat{end}dog{end}{end}".encode())

    assert read_classes(path).names == ("cat", "dog")


def test_written_names_stand_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"

    write_classes(path, ("sheep", "kø"))

    assert path.read_bytes() == "sheep\nkø\n".encode()


def test_a_missing_class_list_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"classes\.txt: there is no class list; write one class name per line, without",
    ):
        read_classes(tmp_path / "classes.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n\n", r"classes\.txt: the class list is empty; write one class name per line"),
        ("cat\ncat\n", r"classes\.txt: class 'cat' is listed twice"),
        ("cat\n\ndog\n", r"classes\.txt: class name '' is empty"),
        ("\ncat\n", r"classes\.txt: class name '' is empty"),
        ("cat\x0bdog\n", r"classes\.txt: class name 'cat\\x0bdog' .* or another control character"),
        ("cat\u2028dog\n", r"classes\.txt: class name 'cat\\u2028dog' is empty"),
        ("caf\u00e9\ncafe\u0301", "classes.txt: class 'caf\u00e9' is listed twice"),
        ("background\ncat\n", r"classes\.txt: 'background' is index 0 .* is not listed"),
    ],
)
def test_a_class_list_that_would_shift_ids_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "classes.txt").write_text(text)

    with pytest.raises(DataError, match=message):
        read_classes(tmp_path / "classes.txt")
