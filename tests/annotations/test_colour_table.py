import re
from pathlib import Path

import pytest

from decouplednet.annotations.colour_table import read_colour_table, voc_colour
from decouplednet.errors import DataError

ROWS = (("background", (0, 0, 0)), ("cat", (128, 0, 0)), ("big dog", (1, 200, 255)))


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "name,r,g,b\nbackground,0,0,0\ncat,128,0,0\nbig dog,1,200,255\n",
        "background,0,0,0\ncat,128,0,0\nbig dog,1,200,255",
        "Name; R; G; B\nbackground; 0; 0; 0\ncat; 128; 0; 0\nbig dog; 1; 200; 255\n",
        "background\t0\t0\t0\ncat\t128\t0\t0\nbig dog\t1\t200\t255\n",
        "# colours\n\nbackground 0 0 0\ncat 128 0 0\nbig dog  1  200  255\n",
        "red,green,blue,class\n0,0,0,background\n128,0,0,cat\n1,200,255,big dog\n",
        "name,r,g,b,scored\nbackground,0,0,0,no\ncat,128,0,0,yes\nbig dog,1,200,255,yes\n",
        "background,#000000\ncat,#800000\nbig dog,#01C8fF\n",
        "background #000000\ncat #800000\nbig dog #01C8fF\n",
        '\ufeff"name","r","g","b"\r\n"background","0","0","0"\r\n cat , 128,0,0\r\n'
        '"big dog",1,200,255\r\n',
    ],
)
def test_lines_of_names_and_colours_are_read_however_they_are_joined(
    tmp_path: Path, text: str
) -> None:
    found = read_colour_table(table(tmp_path / "class_dict.csv", text))

    assert found.rows == ROWS
    assert found.path == tmp_path / "class_dict.csv"


def test_a_labelmap_is_read_as_cvat_writes_it(tmp_path: Path) -> None:
    text = (
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,0:head,tail:sits\n"
        "big dog:1,200,255::\n"
    )

    assert read_colour_table(table(tmp_path / "labelmap.txt", text)).rows == ROWS


def test_labels_without_a_colour_have_that_of_voc(tmp_path: Path) -> None:
    found = read_colour_table(table(tmp_path / "labelmap.txt", "background:::\ncat::\ndog\n"))

    assert found.rows == (
        ("background", (0, 0, 0)),
        ("cat", (128, 0, 0)),
        ("dog", (0, 128, 0)),
    )


def test_the_colours_of_voc_are_those_of_its_development_kit() -> None:
    # As printed beside the classes on PASCAL VOC's page of segmentations.
    known = {1: (128, 0, 0), 8: (64, 0, 0), 12: (64, 0, 128), 15: (192, 128, 128), 20: (0, 64, 128)}

    assert {index: voc_colour(index) for index in known} == known
    assert len({voc_colour(index) for index in range(256)}) == 256


def test_several_colours_may_have_one_name(tmp_path: Path) -> None:
    found = read_colour_table(table(tmp_path / "colours.txt", "dog,1,0,0\ncat,2,0,0\ndog,3,0,0\n"))

    assert found.names == ("dog", "cat")
    assert len(found.rows) == 3


def test_accents_are_composed(tmp_path: Path) -> None:
    found = read_colour_table(table(tmp_path / "colours.txt", "cafe\u0301,1,0,0\n"))

    assert found.names == ("caf\u00e9",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "colours.txt",
            "name,r,g,b\ncat,256,0,0\n",
            "line 2: 'cat,256,0,0' is no name and colour; write name,r,g,b with numbers from 0 to "
            "255",
        ),
        (
            "colours.txt",
            "cat\n",
            "line 1: 'cat' is no name and colour; write name,r,g,b with numbers from 0 to 255",
        ),
        (
            "colours.txt",
            "dog,1,2,3\n\n,3,4,5\n",
            "line 3: ',3,4,5' is no name and colour; write name,r,g,b with numbers from 0 to 255",
        ),
        (
            "colours.txt",
            "cat,#80000\n",
            "line 1: 'cat,#80000' is no name and colour; write name,r,g,b with numbers from 0 to "
            "255",
        ),
        (
            "labelmap.txt",
            "cat:red::\n",
            "line 1: 'cat:red::' is no label and colour; write name:r,g,b:: with numbers from 0 to "
            "255",
        ),
        (
            "labelmap.txt",
            ":1,2,3::\n",
            "line 1: ':1,2,3::' is no label and colour; write name:r,g,b:: with numbers from 0 to "
            "255",
        ),
        (
            "colours.txt",
            "cat,1,2,3\ndog,4,5,6\nhen,1,2,3\n",
            "line 3: 1,2,3 is the colour of 'cat' too, on line 1, so 'hen' cannot be told from it; "
            "give each its own colour",
        ),
        ("colours.txt", "# nothing\n\n", "holds no colour; write name,r,g,b on each line"),
        ("colours.txt", "name,r,g,b\n", "holds no colour; write name,r,g,b on each line"),
    ],
)
def test_a_line_that_is_no_colour_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = table(tmp_path / name, text)

    with pytest.raises(DataError, match=f"^{re.escape(f'{path}: {message}')}$"):
        read_colour_table(path)


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"colours\.txt: cannot be read: No such file"):
        read_colour_table(tmp_path / "colours.txt")
