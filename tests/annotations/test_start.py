from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.check import check
from decouplednet.annotations.start import StartReport, init
from decouplednet.errors import DataError
from tests.annotations import folders


def pictures(root: Path, *names: str) -> Path:
    for name in names:
        folders.image(root / name)
    return root


def rows(root: Path) -> list[str]:
    return (root / "tags.csv").read_text().splitlines()[1:]


@pytest.mark.parametrize("given", ["", "images"])
def test_a_native_folder_gets_its_lists_from_either_of_its_folders(
    tmp_path: Path, given: str
) -> None:
    pictures(tmp_path / "images", "dog/b.png", "cat/a.png", "c.png")

    report = init(tmp_path / given)

    assert report == StartReport(
        root=tmp_path,
        images=3,
        classes=("cat", "dog"),
        tagged=2,
        written=(tmp_path / "classes.txt", tmp_path / "tags.csv"),
        kept=(),
        hints=(
            "classes from folder names: cat, dog; delete what is none from classes.txt and "
            "tags.csv",
        ),
    )
    assert (tmp_path / "classes.txt").read_text() == "cat\ndog\n"
    assert rows(tmp_path) == ["c.png,?", "cat/a.png,cat", "dog/b.png,dog"]
    assert check(tmp_path).findings == ()


@pytest.mark.parametrize("inside", [".", "images", "link"])
def test_the_folder_may_be_named_from_within_or_by_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    pictures(tmp_path / "data" / "images", "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "data" / "images", target_is_directory=True)
    places = {".": "data/images", "images": "data", "link": "."}
    monkeypatch.chdir(tmp_path / places[inside])

    init(Path(inside))

    assert (tmp_path / "data" / "tags.csv").exists()


def test_a_plain_folder_becomes_a_data_set_where_it_stands(tmp_path: Path) -> None:
    pictures(tmp_path, "cat/a.png", "dog/b.png", "masks/cat/a.png")
    before = sorted(tmp_path.rglob("*.png"))

    report = init(tmp_path)

    assert (report.root, report.images) == (tmp_path, 2)
    assert sorted(tmp_path.rglob("*.png")) == before
    catalogue = Catalogue.read(tmp_path)
    assert catalogue.format == "plain"
    assert {record.name: record.tags for record in catalogue.records} == {
        "cat/a": frozenset({"cat"}),
        "dog/b": frozenset({"dog"}),
    }
    mask = catalogue.record("cat/a").mask
    assert mask is not None
    assert mask.path == tmp_path / "masks" / "cat" / "a.png"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat/2023-05/a.png", "dog/b.png"], ["cat", "dog"]),
        (["train/cat/a.png", "val/dog/b.png"], ["cat", "dog"]),
        (["2023-05/a.png", "2023-06/b.png"], ["?", "?"]),
        (["background/a.png", "cat/b.png"], ["", "cat"]),
        (["cat;dog/a.png", "cow/b.png"], ["?", "cow"]),
        (["holiday/a.png", "holiday/b.png"], ["?", "?"]),  # one folder for all tells nothing
        (["a.png", "b.png"], ["?", "?"]),
    ],
)
def test_folder_names_become_tags_where_they_help(
    tmp_path: Path, names: list[str], expected: list[str]
) -> None:
    pictures(tmp_path, *names)

    report = init(tmp_path)

    assert rows(tmp_path) == [f"{n},{tag}" for n, tag in zip(names, expected, strict=True)]
    assert report.classes == tuple(sorted(set(expected) - {"", "?"}))
    assert report.tagged == sum(tag != "?" for tag in expected)


def test_more_folders_than_classes_may_be_tell_nothing(tmp_path: Path) -> None:
    for number in range(255):
        (tmp_path / f"bird {number}").mkdir()
        (tmp_path / f"bird {number}" / "a.png").touch()

    assert init(tmp_path).classes == ()
    assert {row.rpartition(",")[2] for row in rows(tmp_path)} == {"?"}


def test_an_unfilled_start_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    init(tmp_path)

    assert [one.code for one in check(tmp_path).findings] == ["no-classes"]
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "tags.csv").write_text("image,tags\na.png,cat\nb.png,?\n")

    report = check(tmp_path)
    assert (report.images, report.tagged, report.findings) == (2, 1, ())


def test_a_class_list_that_is_there_chooses_among_the_folders(tmp_path: Path) -> None:
    pictures(tmp_path, "cat/a.png", "dog/b.png")
    (tmp_path / "classes.txt").write_text("whale\ndog\n")

    report = init(tmp_path)

    assert (tmp_path / "classes.txt").read_text() == "whale\ndog\n"
    assert rows(tmp_path) == ["cat/a.png,?", "dog/b.png,dog"]
    assert report.classes == ("whale", "dog")
    assert (report.kept, report.written) == (
        (tmp_path / "classes.txt",),
        (tmp_path / "tags.csv",),
    )


def test_a_table_that_is_there_gives_the_classes(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "tags.csv").write_text("image,tags\na,whale;dog\nb,?\n")

    report = init(tmp_path)

    assert (tmp_path / "classes.txt").read_text() == "dog\nwhale\n"
    assert (report.tagged, report.kept) == (1, (tmp_path / "tags.csv",))


@pytest.mark.parametrize("name", ["classes.txt", "tags.csv"])
def test_a_broken_link_is_not_overwritten_either(tmp_path: Path, name: str) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / name).symlink_to(tmp_path / "gone")

    with pytest.raises(DataError, match=rf"{name}: cannot be read: No such file or directory$"):
        init(tmp_path)
    assert (tmp_path / name).is_symlink()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    init(tmp_path)

    with pytest.raises(DataError, match=r"has classes\.txt and tags\.csv already; nothing was wri"):
        init(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    endings = r"image files end in \.bmp, \.gif, \.jpeg, \.jpg, \.png, \.tif, \.tiff, \.webp"

    with pytest.raises(DataError, match=f": there is no image in this folder; {endings}$"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_photographs_of_other_formats_are_counted(tmp_path: Path) -> None:
    for name in ("a.HEIC", "b.heic", "sub/c.dng"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    message = r"photographs that are not read: 3 \(\.dng, \.heic\); convert them to JPEG or PNG$"
    with pytest.raises(DataError, match=message):
        init(tmp_path)


def test_of_many_folder_names_the_first_are_named(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{letter}/x.png" for letter in "abcdefghijkl"))

    (hint,) = init(tmp_path).hints

    assert "folder names: a, b, c, d, e, f, g, h, i, j, ...; delete" in hint


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    folders.image(tmp_path / "a.png")

    with pytest.raises(DataError, match=r"a\.png: there is no such folder$"):
        init(tmp_path / "a.png")


def test_voc_needs_no_start(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()

    with pytest.raises(DataError, match="is a PASCAL VOC data set, which is read as it is"):
        init(tmp_path)
