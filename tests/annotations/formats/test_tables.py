from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.source import Said
from decouplednet.annotations.formats.tables import TableSource
from decouplednet.errors import DataError

NO_TAGS = frozenset[str]()


def write(root: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(text.encode(encoding))
    return root / name


def read(root: Path, text: str) -> list[Said | Finding]:
    file = write(root, text)
    return list(TableSource(root, (file,)).read(file))


def tags(root: Path, text: str) -> list[tuple[str, set[str] | None]]:
    """Return image and tags of every row of a table without fault."""
    everything = read(root, text)
    assert not [one for one in everything if isinstance(one, Finding)]
    return [
        (one.image, None if one.tags is None else set(one.tags))
        for one in everything
        if isinstance(one, Said)
    ]


def found(root: Path, text: str) -> list[tuple[str, str]]:
    everything = read(root, text)
    return [(one.code, one.message) for one in everything if isinstance(one, Finding)]


def test_a_row_for_each_class_of_an_image(tmp_path: Path) -> None:
    everything = read(
        tmp_path, "image,label\na.jpg,polar bear\na.jpg,cat\n\nb.jpg,\nc.jpg,?\nd.jpg,Background\n"
    )

    assert everything == [
        Said("a.jpg", tags=frozenset({"polar bear"}), line=2),
        Said("a.jpg", tags=frozenset({"cat"}), line=3),
        Said("b.jpg", tags=NO_TAGS, line=5),
        Said("c.jpg", tags=None, line=6),
        Said("d.jpg", tags=NO_TAGS, line=7),
    ]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("image,labels", ("cat;dog", "cat", "")),
        ("image,label", ("cat|dog", " cat ", "")),
        ("filename,tags", ('"cat, dog"', "cat", "")),
        ("id,classes", ("cat dog", "cat", "dog")),
        ("id,labels", ("cat_1 dog", "cat_1", "dog")),
        ("id,labels", ("7 12", "7", "")),
    ],
)
def test_the_classes_of_a_cell_are_told_apart(
    tmp_path: Path, header: str, cells: tuple[str, str, str]
) -> None:
    rows = "".join(f"{name}.jpg,{cell}\n" for name, cell in zip("abc", cells, strict=True))

    first, second, third = read(tmp_path, f"{header}\n{rows}")

    assert isinstance(first, Said)
    assert isinstance(second, Said)
    assert isinstance(third, Said)
    assert len(first.tags or ()) == 2
    assert second.tags == frozenset({cells[1].strip()})
    assert third.tags == (frozenset({cells[2]}) if cells[2] else NO_TAGS)
    assert (first.once, second.once, third.once) == (True, True, True)


def test_between_semicolons_a_bar_is_part_of_a_name(tmp_path: Path) -> None:
    assert tags(tmp_path, "image,labels\na.jpg,animal|cat;animal|dog\nb.jpg,animal|cat\n") == [
        ("a.jpg", {"animal|cat", "animal|dog"}),
        ("b.jpg", {"animal|cat"}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "image,label\na.jpg,polar bear\nb.jpg,brown bear\n",  # one class a cell
        "image,labels\na.jpg,polar bear\na.jpg,brown bear\n",  # one class a row
    ],
)
def test_a_name_may_have_spaces(tmp_path: Path, text: str) -> None:
    assert [names for _, names in tags(tmp_path, text)] == [{"polar bear"}, {"brown bear"}]


@pytest.mark.parametrize("rows", ["a.jpg,cat\nb.jpg,polar bear\n", "a.jpg,a b\nb.jpg,polar bear\n"])
def test_words_that_are_always_together_are_refused(tmp_path: Path, rows: str) -> None:
    line, words = (3, "polar bear") if "cat" in rows else (2, "a b")

    assert read(tmp_path, f"image,labels\n{rows}") == [
        Finding(
            "unclear-names",
            str(tmp_path / "labels.csv"),
            f"line {line}: '{words}' may be one class or several; join the classes of an image by "
            "';' in all rows, or call the column 'label' if each cell is one name",
        )
    ]


def test_a_column_for_each_class_knows_present_absent_and_unsaid(tmp_path: Path) -> None:
    text = "image,cat,polar bear,dog\na.jpg,1,0,\nb.jpg,True,no,nan\nc.jpg,,,?\nd.jpg,0.0,0,0\n"

    assert read(tmp_path, text) == [
        Said("a.jpg", frozenset({"cat"}), unsaid=frozenset({"dog"}), line=2, once=True),
        Said("b.jpg", frozenset({"cat"}), unsaid=frozenset({"dog"}), line=3, once=True),
        Said("c.jpg", None, unsaid=frozenset({"cat", "dog", "polar bear"}), line=4, once=True),
        Said("d.jpg", NO_TAGS, line=5, once=True),
    ]


def test_minus_one_is_unsure_beside_zero_and_absent_without_it(tmp_path: Path) -> None:
    (chexpert, _), celeba = (
        read(tmp_path, "image,cat,dog\na.jpg,1,-1\nb.jpg,0,-1.0\n"),
        read(tmp_path, "image,cat,dog\na.jpg,1,-1\nb.jpg,,-1\n"),
    )

    assert chexpert == Said(
        "a.jpg", frozenset({"cat"}), unsaid=frozenset({"dog"}), line=2, once=True
    )
    assert celeba == [
        Said("a.jpg", frozenset({"cat"}), line=2, once=True),
        Said("b.jpg", NO_TAGS, unsaid=frozenset({"cat"}), line=3, once=True),
    ]


def test_a_column_that_is_no_class_is_named_once(tmp_path: Path) -> None:
    everything = read(tmp_path, "image,cat,notes\na.jpg,1,blurred\nb.jpg,2,\nc.jpg,0,far away\n")

    assert everything == [
        Said("a.jpg", frozenset({"cat"}), unsaid=frozenset({"notes"}), line=2, once=True),
        Said("b.jpg", None, unsaid=frozenset({"cat", "notes"}), line=3, once=True),
        Said("c.jpg", NO_TAGS, unsaid=frozenset({"notes"}), line=4, once=True),
        Finding(
            "bad-cell",
            str(tmp_path / "labels.csv"),
            "2 rows, first line 2: 'blurred' in the column 'notes' is neither 1, 0 nor empty; "
            "correct it, or remove the column if it is no class",
        ),
        Finding(
            "bad-cell",
            str(tmp_path / "labels.csv"),
            "line 3: '2' in the column 'cat' is neither 1, 0 nor empty; correct it, or remove the "
            "column if it is no class",
        ),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_columns_may_be_joined_as_spreadsheets_of_any_language_do(
    tmp_path: Path, delimiter: str
) -> None:
    wide = "Image Name,cat,dog\n\na.jpg,1,0\nb.jpg,,1\n".replace(",", delimiter)
    assert tags(tmp_path, wide) == [("a.jpg", {"cat"}), ("b.jpg", {"dog"})]

    several = "image,width,labels\na.jpg,7,x\nb.jpg,8,y\n".replace(",", delimiter)
    joined = several.replace("x", "cat;dog").replace("y", "dog")
    if delimiter != ",":
        joined = joined.replace("dog\n", "dog;;\n" if delimiter == ";" else "dog\t\n")
    assert tags(tmp_path, joined) == [("a.jpg", {"cat", "dog"}), ("b.jpg", {"dog"})]


def test_rows_of_pandas_have_a_number_first(tmp_path: Path) -> None:
    assert tags(tmp_path, ",image,cat,Unnamed: 3\n0,a.jpg,1.0,x\n1,b.jpg,0.0,\n") == [
        ("a.jpg", {"cat"}),
        ("b.jpg", NO_TAGS),
    ]


def test_a_path_of_an_image_stays_in_the_data_set(tmp_path: Path) -> None:
    rows = "C:\\photos\\a.jpg,cat\n../../b.jpg,cat\n/srv/c.jpg,cat\n"

    assert [image for image, _ in tags(tmp_path, f"path,label\n{rows}")] == [
        "photos/a.jpg",
        "b.jpg",
        "srv/c.jpg",
    ]


def test_the_faults_of_rows_are_findings_with_their_lines(tmp_path: Path) -> None:
    text = 'image,label\na.jpg,cat,dog\nb.jpg\n,cat\nd.jpg,"c\nat"\ne.jpg,cat,\n'

    assert found(tmp_path, text) == [
        ("bad-row", "line 2: 3 columns, expected 2 as in the first line; mend it"),
        ("bad-row", "line 3: 1 column, expected 2 as in the first line; mend it"),
        ("bad-row", "line 4: the image is missing; write its path into 'image'"),
        (
            "bad-row",
            "line 5: a quotation mark is not closed, or a cell has several lines; mend it",
        ),
    ]
    wide = found(tmp_path, "image,cat\na.jpg,1,1\nb.jpg,1\n")
    assert wide == [("bad-row", "line 2: 3 columns, expected 2 as in the first line; mend it")]


def test_a_name_that_no_class_can_have_is_said_once(tmp_path: Path) -> None:
    text = "image,labels\na.jpg,a,b;c\nb.jpg,\x07;cat\nc.jpg,\x07\n".replace("a,b;c", '"a,b;c"')

    assert found(tmp_path, text) == [
        (
            "bad-class-name",
            f"{where}: {name!r} cannot be the name of a class here: a name is a text other than "
            "'?', without ; , and control characters; rename the class and export anew",
        )
        for where, name in (("line 2", "a,b"), ("line 3 and 1 more", "\x07"))
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line must name the columns, one of them 'image'; it is ''"),
        ("a.jpg,cat\n", "the first line must name the columns, one of them 'image'; it is 'a.jpg,"),
        ("image\na.jpg\n", "the first line must name the columns, one of them 'image'; it is 'ima"),
        (
            "id,filename,label\n1,a.jpg,cat\n",
            "the columns 'id' and 'filename' may both name the image; remove or rename all but one",
        ),
        (
            "image,label,class\na.jpg,cat,1\n",
            "the columns 'label' and 'class' may both name the classes; remove or rename all but o",
        ),
        ("image,cat,dog,cat\na.jpg,1,0,1\n", "the class 'cat' has two columns; remove one of them"),
        (
            'image,"cat;dog"\na.jpg,1\n',
            "column 2: 'cat;dog' cannot be the name of a class here: a name is a text other than ",
        ),
        (
            "image,background\na.jpg,1\n",
            "the first line names no class: it is 'image,background'; name a column 'labels', or m",
        ),
        (
            "image,label\na.jpg,cat\nb.jpg,caf\xe9\n",
            "line 3: not UTF-8 text; save it as UTF-8, in a spreadsheet as 'CSV UTF-8'",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text, encoding="latin-1")

    with pytest.raises(DataError) as refused:
        list(TableSource(tmp_path, (file,)).read(file))
    assert str(refused.value).startswith(f"{file}: {message}")


def test_a_quotation_mark_that_swallows_the_table_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, 'image,label\na.jpg,"' + "x" * 140_000)

    with pytest.raises(DataError, match=r"line 2: no CSV: field larger .*; is a quotation mark"):
        list(TableSource(tmp_path, (file,)).read(file))
