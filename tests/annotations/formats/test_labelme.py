import json
from pathlib import Path
from typing import Any

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats import labelme_file
from decouplednet.annotations.formats.labelme import LabelMeSource, detect
from decouplednet.annotations.formats.source import Said, Source
from decouplednet.annotations.mask_content import Content
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations import folders

TRIANGLE = [[1.0, 2.0], [30.0, 2.0], [30.0, 20.0]]


def shape(label: str, kind: str = "polygon", points: object = TRIANGLE) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}}


def write(path: Path, *shapes: object, **more: object) -> Path:
    """Write a file of LabelMe, in the order of keys in which it writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": f"{path.stem}.jpg",
        "imageData": None,
        "imageHeight": 37,
        "imageWidth": 53,
        **more,
    }
    path.write_text(json.dumps(content, indent=2))
    return path


def said(root: Path, file: Path) -> Said:
    (one,) = LabelMeSource(root, file).read(file)
    assert isinstance(one, Said), one
    return one


def details(content: Content | None) -> Any:
    assert content is not None
    return content.details()


def test_the_shapes_of_a_file_are_a_mask_in_their_order(tmp_path: Path) -> None:
    file = write(tmp_path / "sub" / "a.json", shape("cat"), shape("dog"), shape("__ignore__"))

    one = said(tmp_path, file)

    assert (one.image, one.tags, one.drawn) == ("sub/a.jpg", None, frozenset({"cat", "dog"}))
    assert one.mask is not None
    assert one.mask.file == file
    read = details(one.mask)
    assert (read["size"], read["rest"]) == ([37, 53], 0)
    assert [part["class"] for part in read["parts"]] == ["cat", "dog", None]


def test_the_shapes_of_a_group_are_one_object(tmp_path: Path) -> None:
    group = [{**shape("cat"), "group_id": 3}, shape("dog"), {**shape("cat"), "group_id": 3}]

    read = details(said(tmp_path, write(tmp_path / "a.json", *group)).mask)

    assert [part["class"] for part in read["parts"]] == ["cat", "dog", "cat"]  # united in the mask


def test_with_boxes_the_rest_is_unknown_and_the_classes_are_tags(tmp_path: Path) -> None:
    box = shape("dog", "rectangle", [[1.0, 2.0], [9.0, 8.0]])

    one = said(tmp_path, write(tmp_path / "a.json", shape("cat"), box))

    assert details(one.mask)["rest"] == 255
    assert one.tags == one.drawn == frozenset({"cat", "dog"})


def test_flags_that_are_set_are_tags_and_the_others_are_absent(tmp_path: Path) -> None:
    flags = {"cow": True, "dog": False, "Background": False}

    only, both, against, none = (
        said(tmp_path, write(tmp_path / "a.json", *shapes, flags=given))
        for shapes, given in (
            ([], flags),
            ([shape("cat")], flags),
            ([shape("dog")], flags),
            ([shape("dog")], {"cow": False, "dog": False}),
        )
    )

    assert (only.tags, only.mask) == (frozenset({"cow"}), None)
    assert both.tags == frozenset({"cow", "cat"})
    assert (against.tags, against.drawn) == (frozenset({"cow"}), frozenset({"dog"}))
    assert none.tags is None  # no flag is set, so they say nothing


def test_a_file_without_shapes_says_that_nothing_is_there(tmp_path: Path) -> None:
    one = said(tmp_path, write(tmp_path / "a.json", flags=None))

    assert one == Said("a.jpg", tags=frozenset())


@pytest.mark.parametrize("size", [{"imageHeight": None}, {"imageWidth": "53"}])
def test_without_a_size_the_image_s_own_counts(tmp_path: Path, size: dict[str, object]) -> None:
    assert (
        details(said(tmp_path, write(tmp_path / "a.json", shape("cat"), **size)).mask)["size"]
        is None
    )


@pytest.mark.parametrize(
    ("path", "image"),
    [
        ("a.jpg", "sub/a.jpg"),
        (r"..\photos\b 1.jpg", "photos/b 1.jpg"),
        ("../../../etc/b.jpg", "etc/b.jpg"),
        (r"C:\Users\me\b.jpg", "Users/me/b.jpg"),
        ("/srv/photos/b.jpg", "srv/photos/b.jpg"),
        ("./below/b.jpg", "sub/below/b.jpg"),
        (None, "sub/a"),
        ("  ", "sub/a"),
    ],
)
def test_the_path_of_an_image_starts_from_its_file(
    tmp_path: Path, path: str | None, image: str
) -> None:
    file = write(tmp_path / "sub" / "a.json", imagePath=path)

    assert said(tmp_path, file).image == image


def test_an_image_that_was_renamed_with_its_file_is_found_beside_it(tmp_path: Path) -> None:
    file = write(tmp_path / "sub" / "new.json", imagePath="old.jpg")
    assert said(tmp_path, file).image == "sub/old.jpg"

    folders.image(tmp_path / "sub" / "new.PNG")
    assert said(tmp_path, file).image == "sub/new"

    folders.image(tmp_path / "sub" / "old.jpg")
    assert said(tmp_path, file).image == "sub/old.jpg"


@pytest.mark.parametrize("key", ["imageData", "a_first"])
def test_the_image_in_a_file_is_neither_decoded_nor_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(labelme_file, "MOST_BYTES", 5000)
    text = 'a "quoted" \\ "imageData": "text'
    file = write(tmp_path / "a.json", shape("cat"), imageData="A" * 100_000, note=text)
    if key == "a_first":
        content = json.loads(file.read_text())
        file.write_text(json.dumps(content, sort_keys=True))

    read = labelme_file.read_labelme(file)

    assert read["imageData"] is None
    assert (read["note"], read["imageWidth"]) == (text, 53)
    assert said(tmp_path, file).drawn == frozenset({"cat"})


def test_a_file_that_says_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelme_file, "MOST_BYTES", 2**20)
    file = write(tmp_path / "a.json", *[shape("cat")] * 9000)

    with pytest.raises(
        DataError,
        match=r"a\.json: takes more than 1 MiB besides its image; draw fewer shapes an image$",
    ):
        list(LabelMeSource(tmp_path, file).read(file))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"a\.json: no JSON: Expecting value: .*; save it anew in LabelMe$"),
        (b'{"shapes": [', r"a\.json: no JSON: Expecting value: .*; save it anew in LabelMe$"),
        (b'{"imageData": "AAAA', r"a\.json: no JSON: .*; save it anew in LabelMe$"),
        (b'{"shapes": "\xff"}', r"a\.json: no JSON: .*; save it anew in LabelMe$"),
        (b'{"shapes": ' + b"[" * 200_000, r"a\.json: no JSON: .*; save it anew in LabelMe$"),
        (b"[]", r"a\.json: has no list of shapes, so it is no file of LabelMe; move it out of the"),
        (b'{"shapes": {}}', r"a\.json: has no list of shapes, so it is no file of LabelMe; move"),
    ],
)
def test_a_file_that_is_none_of_labelme_is_refused(
    tmp_path: Path, text: bytes, message: str
) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text)

    with pytest.raises(DataError, match=message):
        list(LabelMeSource(tmp_path, file).read(file))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: cannot be read: No such file"):
        list(LabelMeSource(tmp_path, tmp_path).read(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("shapes", "more", "code", "message"),
    [
        (
            [shape("cat"), shape("dog", points=[[1, 1]])],
            {},
            "bad-shape",
            "shape 2 ('dog'): it has 1 point, but a polygon has at least 3 points; draw it anew, "
            "or remove it",
        ),
        (
            [shape("a;b")],
            {},
            "bad-class-name",
            "shape 1: 'a;b' cannot be the name of a class here: a name is a text other than "
            "'?', without ; , and control characters; rename the class and export anew",
        ),
        ([7], {}, "bad-shape", "shape 1: it is none; draw it anew"),
        (
            [],
            {"flags": {"a,b": True}},
            "bad-class-name",
            "'a,b' cannot be the name of a class here: a name is a text other than "
            "'?', without ; , and control characters; rename the class and export anew",
        ),
        (
            [shape("cat")],
            {"imageHeight": 10**6, "imageWidth": 10**6},
            "no-size",
            "it was drawn on 1000000 x 1000000 pixels, which is no size of an image that may be "
            "read; correct the file, or remove it",
        ),
    ],
)
def test_a_fault_of_a_file_is_a_finding(
    tmp_path: Path, shapes: list[Any], more: dict[str, Any], code: str, message: str
) -> None:
    file = write(tmp_path / "a.json", *shapes, **more)

    assert list(LabelMeSource(tmp_path, file).read(file)) == [Finding(code, str(file), message)]


def test_files_of_labelme_are_told_by_their_beginning(tmp_path: Path) -> None:
    folders.image(tmp_path / "b" / "a.jpg")
    file = write(tmp_path / "b" / "a.json", shape("cat"))
    other = write(tmp_path / "z" / "c.JSON")
    (tmp_path / ".hidden.json").write_text("{}")

    source = detect(tmp_path)

    assert source == LabelMeSource(tmp_path, file)
    assert source is not None
    assert source.statement == "LabelMe, from b/a.json and the like"
    assert (source.name, source.images, source.apart) == ("labelme", tmp_path, ())
    assert (source.loose, source.splits) == (True, tmp_path / "splits")
    assert source.class_file == tmp_path / "classes.txt"
    assert source.annotation_files() == (file, other)
    _: type[Source] = LabelMeSource


def test_an_image_that_fills_the_beginning_does_not_hide_the_format(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"imageData": "A" * 9000, "shapes": []}))

    assert detect(tmp_path) is not None


@pytest.mark.parametrize(
    "text",
    [
        '{"images": [], "annotations": []}',
        '[{"shapes": [], "version": 1}]',
        '{"shapes": []}',
        "",
    ],
)
def test_other_json_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)

    assert detect(tmp_path) is None


def test_a_data_set_in_another_layout_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.json")
    (tmp_path / "tags.csv").touch()

    assert detect(tmp_path) is None
    assert detect(tmp_path / "none") is None


def test_the_list_that_labelme_was_started_with_gives_the_classes(tmp_path: Path) -> None:
    source = LabelMeSource(tmp_path, write(tmp_path / "a.json"))
    assert source.declare().classes is None

    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ndog\n\n cat\n")
    assert source.declare().classes == ClassList(("dog", "cat"))

    (tmp_path / "labels.txt").write_text("dog\ndog\n")
    assert source.declare().findings == (
        Finding("bad-classes", str(tmp_path / "labels.txt"), "class 'dog' is listed twice"),
    )
