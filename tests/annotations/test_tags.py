from pathlib import Path

import pytest

from decouplednet.annotations.tags import read_tags, write_tags
from decouplednet.errors import DataError


def write(folder: Path, text: str) -> Path:
    path = folder / "tags.csv"
    path.write_bytes(text.encode())
    return path


def test_rows_are_read_by_name_with_or_without_extension(tmp_path: Path) -> None:
    table = read_tags(write(tmp_path, "image,tags\na.JPG,cat;dog\nsub/b,dog\nc.v2,\n"))

    assert table.rows == {"a": {"cat", "dog"}, "sub/b": {"dog"}, "c.v2": frozenset()}
    assert table.lines == {"a": 2, "sub/b": 3, "c.v2": 4}
    assert table.findings == ()


def test_what_spreadsheets_and_windows_add_is_tolerated(tmp_path: Path) -> None:
    text = '\ufeffImage, Tags\r\n"sub\\a.jpg"," cat ; ;dog; "\r\n\r\n,\r\n./b.jpg,dog\r\n'

    table = read_tags(write(tmp_path, text))

    assert table.rows == {"sub/a": {"cat", "dog"}, "b": {"dog"}}
    assert table.findings == ()


@pytest.mark.parametrize(
    "text",
    [
        '\ufeffimage;tags\r\na.jpg;"cat;dog"\r\nb.jpg;\r\nc.jpg;?\r\n',
        "image;tags;\na.jpg;cat;dog\nb.jpg;;\nc.jpg;?;\n",
        "image\ttags\na.jpg\tcat;dog\nb.jpg\t\nc.jpg\t?\n",
        '"image","tags"\n"a.jpg","cat;dog"\n"b.jpg",\n"c.jpg",?\n',
    ],
)
def test_the_columns_may_be_joined_as_spreadsheets_of_any_language_do(
    tmp_path: Path, text: str
) -> None:
    table = read_tags(write(tmp_path, text))

    assert table.rows == {"a": {"cat", "dog"}, "b": frozenset()}
    assert table.lines == {"a": 2, "b": 3, "c": 4}
    assert table.findings == ()


def test_a_row_of_one_column_is_refused_in_terms_of_its_table(tmp_path: Path) -> None:
    (one,) = read_tags(write(tmp_path, "image;tags\na\n")).findings

    assert one.message == "line 2: 1 column, expected 2; write 'a;' for an image with no class"


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_quotation_mark_that_is_not_closed_is_named_with_its_line(
    tmp_path: Path, delimiter: str
) -> None:
    text = 'image,tags\na,cat\n\nb,"dog\nc,cat\nd,cat\n'.replace(",", delimiter)

    table = read_tags(write(tmp_path, text))

    assert table.rows == {"a": {"cat"}}
    assert [(found.code, found.message) for found in table.findings] == [
        (
            "bad-row",
            "line 4: a quotation mark is not closed, or a cell has several lines; mend it",
        )
    ]


def test_accents_match_however_they_were_typed(tmp_path: Path) -> None:
    assert list(read_tags(write(tmp_path, "image,tags\ncafe\u0301,cat\n")).rows) == ["caf\u00e9"]


def test_a_question_mark_is_no_row_but_keeps_its_line(tmp_path: Path) -> None:
    table = read_tags(write(tmp_path, "image,tags\na,?\nb,cat\na,dog\n"))

    assert table.rows == {"b": {"cat"}}
    assert table.lines == {"a": 2, "b": 3}
    assert [found.code for found in table.findings] == ["duplicate-row"]


def test_the_faults_of_rows_are_findings_with_their_lines(tmp_path: Path) -> None:
    table = read_tags(
        write(tmp_path, "image,tags\na,cat\na.png,dog\nb,cat,dog\nc\n.jpg,\n ,cat\nd,dog\n")
    )

    assert table.rows == {"a": {"cat"}, ".jpg": frozenset(), "d": {"dog"}}
    assert [(found.code, found.message) for found in table.findings] == [
        ("duplicate-row", "line 3: 'a.png' already has a row, on line 2; remove one of them"),
        ("bad-row", "line 4: 3 columns, expected 2; join the tags of an image by ';'"),
        ("bad-row", "line 5: 1 column, expected 2; write 'c,' for an image with no class"),
        ("bad-row", "line 7: the image is missing; write its path in the first column"),
    ]
    assert {found.file for found in table.findings} == {str(tmp_path / "tags.csv")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"tags\.csv: the first line must be image,tags; it is ''$"),
        ("a.jpg,cat\n", r"tags\.csv: the first line must be image,tags; it is 'a\.jpg,cat'$"),
        ("image;label\n", r"must be image,tags; it is 'image;label'$"),
        ("image,tags,notes\n", r"it is 'image,tags,notes'; remove the columns besides image and"),
        ("image;size;tags\n", r"it is 'image;size;tags'; remove the columns besides image and t"),
        ("image,tags,\n", r"must be image,tags; it is 'image,tags,'; remove the columns besides"),
        (
            'image,tags\na,"' + "x" * 140_000,
            r"tags\.csv: line 2: no CSV: field larger .*; is a quotation mark not closed\?$",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_tags(write(tmp_path, text))


def test_a_written_table_holds_the_rows_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"

    write_tags(path, {"b, c.jpg": ["dog", "cat"], "a.jpg": []})

    assert path.read_bytes() == b'image,tags\n"b, c.jpg",dog;cat\na.jpg,\n'
    assert read_tags(path).rows == {"b, c": {"cat", "dog"}, "a": frozenset()}
