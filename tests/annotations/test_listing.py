from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.findings import Finding
from decouplednet.annotations.listing import read_listing
from decouplednet.annotations.record import Record
from tests.annotations import folders


def mask_path(record: Record) -> Path | None:
    return record.mask.path if record.mask else None


def found(root: Path) -> list[tuple[str, str, str]]:
    """Return code, path under the data set, and message of every finding."""
    return [
        (one.code, Path(one.file).relative_to(root).as_posix(), one.message)
        for one in read_listing(root).findings
    ]


def test_a_sound_data_set_has_no_finding(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat", "sub/b": ""}, masks={"a": [1]}, images=["c"])

    listing = read_listing(tmp_path)

    assert listing.findings == ()
    assert [(r.name, r.tags, mask_path(r)) for r in listing.records] == [
        ("a", {"cat"}, tmp_path / "masks" / "a.png"),
        ("c", None, None),
        ("sub/b", frozenset(), None),
    ]


def test_two_images_that_differ_only_in_extension_are_named(tmp_path: Path) -> None:
    folders.native(tmp_path, images=["a", "b"])
    folders.image(tmp_path / "images" / "a.jpg")

    assert found(tmp_path) == [
        (
            "duplicate-image",
            "images/a.png",
            "lists call it 'a', and a.jpg too, so tags and masks cannot tell them apart; rename or "
            "remove one",
        )
    ]
    assert [record.image.name for record in read_listing(tmp_path).records] == ["a.jpg", "b.png"]


@pytest.mark.parametrize("stem", ["a.jpg", "a ", "a.PNG.jpg", "sub/b.webp"])
def test_a_name_that_ends_like_a_file_s_or_in_a_blank_is_found_by_every_list(
    tmp_path: Path, stem: str
) -> None:
    folders.native(tmp_path, tags={f"{stem}.png": "cat"}, splits={"val": [stem]})
    (tmp_path / "images" / f"{stem}.png.png").rename(tmp_path / "images" / f"{stem}.png")
    folders.mask(tmp_path / "masks" / f"{stem}.png", [1])
    with (tmp_path / "splits" / "train.txt").open("w") as lines:
        lines.write(f"{stem}.png\n")

    listing = read_listing(tmp_path)

    assert listing.findings == ()
    (record,) = listing.records
    assert record.tags == frozenset({"cat"})
    assert mask_path(record) == tmp_path / "masks" / f"{stem}.png"
    assert listing.splits == {"train": (record.name,), "val": (record.name,)}
    assert Catalogue.read(tmp_path).record(record.name) == record
    (tmp_path / "tags.csv").write_text(f"image,tags\n{stem},dog\n")
    assert read_listing(tmp_path).records[0].tags == frozenset({"dog"})


def test_an_image_whose_name_is_the_file_of_another_is_named(tmp_path: Path) -> None:
    folders.native(tmp_path, images=["a.jpg", "sub/a", "b "])
    folders.image(tmp_path / "images" / "a.jpg")
    folders.image(tmp_path / "images" / "b.png")

    assert found(tmp_path) == [
        (
            "duplicate-image",
            f"images/{file}",
            f"lists call it {name!r}, and {other} too, so tags and masks cannot tell them apart; "
            "rename or remove one",
        )
        for file, name, other in (("a.jpg.png", "a.jpg", "a.jpg"), ("b.png", "b", "b .png"))
    ]


def test_an_unknown_tag_is_named_with_its_line_and_the_nearest_class(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "dog", "b": "Cta;dog", "c": "zebra"})

    assert found(tmp_path) == [
        ("unknown-tag", "tags.csv", "line 3: there is no class 'Cta'; did you mean 'cat'?"),
        ("unknown-tag", "tags.csv", "line 4: there is no class 'zebra'; the classes are cat, dog"),
    ]
    listing = read_listing(tmp_path)
    assert [record.tags for record in listing.records] == [{"dog"}, {"dog"}, frozenset()]
    assert listing.doubtful == {"b", "c"}


def test_a_tag_without_image_is_named_with_the_image_it_may_mean(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"sub/a": "cat"})
    with (tmp_path / "tags.csv").open("a") as rows:
        rows.write("images/sub/A.png,dog\nb,?\n")

    assert found(tmp_path) == [
        (
            "tag-without-image",
            "tags.csv",
            "line 3: there is no image 'images/sub/A'; did you mean 'sub/a'?",
        ),
        (
            "tag-without-image",
            "tags.csv",
            "line 4: there is no image 'b'; correct the row, or remove it",
        ),
    ]


def test_faults_of_rows_come_with_those_of_the_lists(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat"})
    with (tmp_path / "tags.csv").open("a") as rows:
        rows.write("a,cat\n")

    assert [code for code, _, _ in found(tmp_path)] == ["duplicate-row"]


def test_a_table_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    folders.native(tmp_path, images=["a"])
    (tmp_path / "tags.csv").write_text("animal,farm\n")

    assert found(tmp_path) == [
        ("bad-tags", "tags.csv", "the first line must be image,tags; it is 'animal,farm'")
    ]


def test_masks_without_image_and_of_other_formats_are_named(tmp_path: Path) -> None:
    folders.native(tmp_path, masks={"a": [1]})
    folders.mask(tmp_path / "masks" / "sub" / "a.PNG")
    folders.mask(tmp_path / "masks" / "b.tif")
    (tmp_path / "masks" / "legend.txt").touch()
    folders.mask(tmp_path / "masks" / "whale.png")

    assert found(tmp_path) == [
        (
            "mask-format",
            "masks/b.tif",
            "a mask is a PNG, because other formats may change ids; export it as PNG",
        ),
        (
            "mask-without-image",
            "masks/sub/a.PNG",
            f"{tmp_path}/images has no image 'sub/a'; did you mean 'a'?",
        ),
        (
            "mask-without-image",
            "masks/whale.png",
            f"{tmp_path}/images has no image 'whale'; name it as its image, or remove it",
        ),
    ]


def test_a_second_mask_of_an_image_is_named(tmp_path: Path) -> None:
    folders.native(tmp_path, masks={"a": [1]})
    folders.mask(tmp_path / "masks" / "a.PNG", [2])

    assert found(tmp_path) == [
        ("duplicate-mask", "masks/a.png", "is a second mask of 'a', beside a.PNG; remove one")
    ]


def test_what_lies_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat"})
    (tmp_path / "masks").write_bytes(b"")
    (tmp_path / "splits").symlink_to(tmp_path / "splits")

    assert found(tmp_path) == [
        (
            "bad-folder",
            name,
            f"is no folder that can be read ({reason}); mend it or remove it",
        )
        for name, reason in (
            ("masks", "Not a directory"),
            ("splits", "Too many levels of symbolic links"),
        )
    ]


@pytest.mark.parametrize("target", ["tags.csv", "gone.csv"])
def test_a_table_behind_a_broken_link_is_not_taken_for_none(tmp_path: Path, target: str) -> None:
    folders.native(tmp_path, images=["a"])
    (tmp_path / "tags.csv").symlink_to(tmp_path / target)

    (one,) = read_listing(tmp_path).findings

    assert one.code == "bad-tags"
    assert one.message.startswith("cannot be read: ")


def test_a_class_list_behind_a_broken_link_is_not_taken_for_none(tmp_path: Path) -> None:
    voc(tmp_path)
    (tmp_path / "classes.txt").symlink_to(tmp_path / "gone.txt")

    assert found(tmp_path) == [
        ("no-classes", "classes.txt", "cannot be read: No such file or directory")
    ]


def test_one_misspelt_tag_of_many_rows_is_one_finding(tmp_path: Path) -> None:
    folders.native(
        tmp_path, tags={"a": "dog", "b": "Cat;whale", "c": "whale", "d": "Cat", "e": "Cat"}
    )

    assert [message for _, _, message in found(tmp_path)] == [
        "3 rows, first line 3: there is no class 'Cat'; did you mean 'cat'?",
        "2 rows, first line 3: there is no class 'whale'; the classes are cat, dog",
    ]
    assert read_listing(tmp_path).doubtful == {"b", "c", "d", "e"}


@pytest.mark.parametrize(("typed", "listed"), [("e\u0301", "\u00e9"), ("\u00e9", "e\u0301")])
def test_accents_of_classes_match_however_they_were_typed(
    tmp_path: Path, typed: str, listed: str
) -> None:
    folders.native(tmp_path, classes=[f"caf{listed}"], tags={"a": f"caf{typed}"})

    listing = read_listing(tmp_path)

    assert listing.findings == ()
    assert listing.records[0].tags == frozenset({"caf\u00e9"})


@pytest.mark.parametrize(
    ("text", "code"), [(None, "no-classes"), ("", "no-classes"), ("cat\ncat\n", "bad-classes")]
)
def test_without_a_class_list_all_else_is_still_read(
    tmp_path: Path, text: str | None, code: str
) -> None:
    folders.native(tmp_path, tags={"a": "cat"}, splits={"val": ["x"]})
    if text is None:
        (tmp_path / "classes.txt").unlink()
    else:
        (tmp_path / "classes.txt").write_text(text)

    listing = read_listing(tmp_path)

    assert listing.classes is None
    assert [one.code for one in listing.findings] == [code, "split-without-file"]
    assert listing.findings[0].file == str(tmp_path / "classes.txt")
    assert [record.tags for record in listing.records] == [frozenset({"cat"})]


def test_a_data_set_without_images_is_a_finding(tmp_path: Path) -> None:
    folders.native(tmp_path)

    assert found(tmp_path) == [
        (
            "no-images",
            "images",
            "there is no image in this folder; image files end in .bmp, .gif, .jpeg, .jpg, .png, "
            ".tif, .tiff, .webp",
        )
    ]


def voc(root: Path) -> Path:
    for name in ("2007_000001", "2007_000002", "2007_000003"):
        folders.image(root / "JPEGImages" / f"{name}.jpg")
    folders.mask(root / "SegmentationClass" / "2007_000001.png", [0, 8, 255])
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_000001\n")
    (root / "ImageSets" / "Main").mkdir()
    (root / "ImageSets" / "Main" / "cat_val.txt").write_text("2007_000001  1\n")
    (root / "Annotations").mkdir()
    for name in ("2007_000001", "2007_000002", "2099_000001"):
        path = root / "Annotations" / f"{name}.xml"
        path.write_text("<annotation><object><name>cat</name></object></annotation>")
    return root


def test_voc_is_read_without_conversion(tmp_path: Path) -> None:
    voc(tmp_path)
    (tmp_path / "tags.csv").write_text("image,tags\n2007_000002.jpg,person\n")

    listing = read_listing(tmp_path)

    assert listing.findings == ()
    assert listing.classes is not None
    assert listing.classes.index("tvmonitor") == 20
    assert listing.splits == {"val": ("2007_000001",)}
    assert [(r.name, r.tags, r.mask is not None) for r in listing.records] == [
        ("2007_000001", {"cat"}, True),
        ("2007_000002", {"cat", "person"}, False),
        ("2007_000003", None, False),
    ]


def test_voc_may_bring_its_own_classes(tmp_path: Path) -> None:
    voc(tmp_path)
    (tmp_path / "classes.txt").write_text("cart\n")

    listing = read_listing(tmp_path)

    assert listing.classes is not None
    assert listing.classes.names == ("cart",)
    assert [one.message for one in listing.findings] == [
        "there is no class 'cat'; did you mean 'cart'?"
    ] * 2


def test_a_broken_object_file_of_voc_is_named(tmp_path: Path) -> None:
    voc(tmp_path)
    path = tmp_path / "Annotations" / "2007_000001.xml"
    path.write_text("")

    assert read_listing(tmp_path).findings == (
        Finding("bad-objects", str(path), "not an XML file: no element found: line 1, column 0"),
    )
