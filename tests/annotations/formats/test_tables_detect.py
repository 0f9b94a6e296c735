"""Which folders have a table of tags, and what several tables mean."""

from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.source import Source
from decouplednet.annotations.formats.tables import TableSource, detect
from tests.annotations import folders
from tests.annotations.formats.test_tables import write


@pytest.mark.parametrize(
    "text",
    [
        "image,label\na.jpg,cat\n",
        "id,label\na,cat\n",
        "image;cat;dog\na.jpg;1;0\n",
        "image,cat,notes\na.jpg,1,x\n",
        "id,filename,label\n1,a.jpg,cat\n",
        "image,cat,cat\na.jpg,1,1\n",
    ],
)
def test_tables_of_tags_are_told_by_their_first_lines(tmp_path: Path, text: str) -> None:
    folders.image(tmp_path / "images" / "a.jpg")
    folders.image(tmp_path / "images" / "1.png")
    file = write(tmp_path, text)

    assert detect(tmp_path) == TableSource(tmp_path, (file,))


@pytest.mark.parametrize(
    "text",
    [
        "image,class,score\na.jpg,cat,0.9\n",  # predictions
        "image,width,height\na.jpg,100,200\n",
        "id,label\n17,cat\n",  # no image is called 17
        "image,label\n",
        "image,label\n,cat\n",
        "name,label\na.jpg,cat\n",
        "just text\n",
        "",
    ],
)
def test_other_tables_are_left_alone(tmp_path: Path, text: str) -> None:
    folders.image(tmp_path / "a.jpg")
    write(tmp_path, text)

    assert detect(tmp_path) is None


def test_a_source_says_what_it_found_and_where_the_images_are(tmp_path: Path) -> None:
    file = write(tmp_path, "image,width,label\na.jpg,7,cat\n")
    source = detect(tmp_path)

    assert source is not None
    assert source.statement == (
        "a table of tags, labels.csv, with classes in the column label; not read: width"
    )
    assert (source.name, source.images, source.apart) == ("table", tmp_path, ())
    assert (source.loose, source.splits) == (True, tmp_path / "splits")
    assert source.class_file == tmp_path / "classes.txt"
    assert list(source.annotation_files()) == [file]
    assert source.declare().findings == ()
    (tmp_path / "images").mkdir()
    write(tmp_path, ",image,cat,dog\n0,a.jpg,1,0\n")
    assert source.images == tmp_path / "images"
    assert source.statement == "a table of tags, labels.csv, with a column for each of 2 classes"
    file.unlink()
    assert source.statement == "a table of tags, labels.csv"
    _: type[Source] = TableSource


@pytest.mark.parametrize("own", ["tags.csv", "JPEGImages"])
def test_a_data_set_in_another_layout_is_left_alone(tmp_path: Path, own: str) -> None:
    write(tmp_path, "image,label\na.jpg,cat\n")
    if own == "tags.csv":
        write(tmp_path, "image,tags\na.jpg,cat\n", own)
    else:
        (tmp_path / own).mkdir()

    assert detect(tmp_path) is None
    assert detect(tmp_path / "none") is None


def test_several_tables_are_refused_unless_they_are_called_as_splits(tmp_path: Path) -> None:
    text = "image,label\na.jpg,cat\na.jpg,dog\n./b.jpg,cat\n"
    first, second = write(tmp_path, text, "Train.csv"), write(tmp_path, text, "other.tsv")
    write(tmp_path, text, ".hidden.csv")
    source = detect(tmp_path)

    assert source == TableSource(tmp_path, (first, second))
    assert source is not None
    assert source.declare().findings == (
        Finding(
            "several-tables",
            str(tmp_path),
            "Train.csv, other.tsv may all be the table of tags; keep one of them here, or call "
            "them as splits, such as train.csv and val.csv",
        ),
    )
    second.rename(tmp_path / "val.csv")
    source = detect(tmp_path)
    assert source is not None
    declared = source.declare()
    assert declared.findings == ()
    assert declared.splits == {"Train": ("a.jpg", "b.jpg"), "val": ("a.jpg", "b.jpg")}


def test_a_table_of_a_split_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, "image,label\na.jpg,cat\n,x\n", "train.csv")
    file = write(tmp_path, "image,label\na.jpg,caf\xe9\n", "val.csv", "latin-1")
    source = detect(tmp_path)

    assert source is not None
    declared = source.declare()
    assert declared.splits == {"train": ("a.jpg",)}
    assert declared.findings == (
        Finding(
            "bad-tags",
            str(file),
            "line 2: not UTF-8 text; save it as UTF-8, in a spreadsheet as 'CSV UTF-8'",
        ),
    )
