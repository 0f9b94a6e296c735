import re
from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.cvat import Cvat, detect
from decouplednet.annotations.formats.source import Declared, Said, Source
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations import folders
from tests.annotations.formats.cvat_files import CLASSES, SIZE, found, image, meta, read, write


def test_an_export_is_told_by_its_file_and_its_labels_are_the_classes(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg", SIZE)
    write(tmp_path / "annotations.xml", image("a.jpg"))

    source: Source = found(tmp_path)

    assert source == Cvat(tmp_path, tmp_path / "images", tmp_path / "annotations.xml")
    assert source.name == "cvat"
    assert source.statement == "CVAT for images 1.1, from annotations.xml"
    assert source.splits == tmp_path / "splits"
    assert source.class_file is None
    assert source.apart == ()
    assert source.loose
    assert list(source.annotation_files()) == [tmp_path / "annotations.xml"]
    assert source.declare() == Declared(CLASSES)


def test_without_meta_the_labels_are_those_that_are_drawn(tmp_path: Path) -> None:
    shapes = '<polygon label="hen" points="0,0;9,0;9,9"/><tag label="a;b"/><tag label="a;b"/>'

    fault, said = read(tmp_path, image("a.jpg", shapes), head="")

    assert found(tmp_path).declare() == Declared()
    assert isinstance(fault, Finding)
    assert (fault.code, fault.file) == ("bad-class-name", str(tmp_path / "annotations.xml"))
    assert isinstance(said, Said)
    assert said.tags == frozenset({"hen"})


def test_a_label_of_meta_that_is_no_class_is_told_once_for_all_images(tmp_path: Path) -> None:
    head = meta(("a;b", "cat"))
    shapes = '<polygon label="a;b" points="0,0;9,0;9,9"/>'

    read_images = read(tmp_path, image("a.jpg", shapes), image("b.jpg", shapes), head=head)

    assert not [one for one in read_images if isinstance(one, Finding)]
    declared = found(tmp_path).declare()
    assert declared.classes == ClassList(("cat",))
    assert [one.code for one in declared.findings] == ["bad-class-name"]


def test_an_image_without_a_name_is_named_by_its_number(tmp_path: Path) -> None:
    fault, said = read(tmp_path, '<image id="7" width="5" height="6"/>', image("b.jpg"))

    assert fault == Finding(
        "no-image-named",
        str(tmp_path / "annotations.xml"),
        "image '7' has no name; give it that of its file",
    )
    assert said == Said("b.jpg")


def test_a_video_is_refused(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg")
    file = write(tmp_path / "annotations.xml", '<track id="0" label="cat"></track>')

    message = (
        f"{file}: is CVAT for video, whose tracks are not read; export CVAT for images 1.1 instead"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        list(found(tmp_path).read(file))


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "a.jpg")
    file = write(tmp_path / "annotations.xml", image("a.jpg"))
    file.write_bytes(file.read_bytes()[:150])

    assert found(tmp_path).declare() == Declared()
    with pytest.raises(DataError, match=r"annotations\.xml: not an XML file: "):
        list(found(tmp_path).read(file))


def test_several_files_are_read_and_their_labels_united_in_order(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "sub" / "a.jpg", SIZE)
    write(tmp_path / "val.xml", image("b.jpg"), head=meta(("cow", "cat")))
    write(tmp_path / "train.xml", image("sub/a.jpg"), head=meta(("dog", "cat"), of="project"))
    (tmp_path / "notes.xml").write_text("<notes/>")

    source = found(tmp_path)

    assert source.statement == "CVAT for images 1.1, from train.xml"
    assert [path.name for path in source.annotation_files()] == ["train.xml", "val.xml"]
    assert source.declare().classes == ClassList(("dog", "cat", "cow"))
    (said,) = source.read(tmp_path / "train.xml")
    assert said == Said("sub/a.jpg")


def test_each_task_may_lie_in_a_folder_of_its_own(tmp_path: Path) -> None:
    for task in ("one", "two"):
        folders.image(tmp_path / task / "images" / "a.jpg", SIZE)
        write(tmp_path / task / "annotations.xml", image("a.jpg"), image("gone.jpg"))

    source = found(tmp_path)

    assert source.images == tmp_path
    files = list(source.annotation_files())
    assert [path.parent.name for path in files] == ["one", "two"]
    assert [one for file in files for one in source.read(file)] == [
        Said("one/images/a.jpg"),
        Said("gone.jpg"),
        Said("two/images/a.jpg"),
        Said("gone.jpg"),
    ]


def test_a_project_has_its_images_in_a_folder_for_each_subset(tmp_path: Path) -> None:
    for place in ("Train/a.jpg", "Validation/a.jpg", "b.jpg"):
        folders.image(tmp_path / "images" / place, SIZE)
    images = [
        f'<image id="0" name="{name}" subset="{subset}" task_id="1" width="53" height="37"/>'
        for name, subset in (("a.jpg", "Train"), ("a.jpg", "Validation"), ("b.jpg", "Train"))
    ]

    assert read(tmp_path, *images, head=meta(of="project")) == [
        Said("Train/a.jpg"),
        Said("Validation/a.jpg"),
        Said("b.jpg"),
    ]


def test_images_may_lie_beside_the_file_and_annotations_in_a_folder(tmp_path: Path) -> None:
    folders.image(tmp_path / "sub" / "a.jpg", SIZE)
    file = write(tmp_path / "annotations" / "zoo.xml", image("sub/a.jpg"))

    source = found(tmp_path)

    assert source == Cvat(tmp_path, tmp_path, file)
    assert list(source.read(file)) == [Said("sub/a.jpg")]


@pytest.mark.parametrize(
    "name", ["../../secret.jpg", "/etc/secret.jpg", r"C:\photos\secret.jpg", "x/../../secret.jpg"]
)
def test_names_do_not_lead_out_of_the_data_set(tmp_path: Path, name: str) -> None:
    folders.image(tmp_path / "secret.jpg", SIZE)
    (tmp_path / "data" / "images").mkdir(parents=True)

    (said,) = read(tmp_path / "data", image(name))

    assert isinstance(said, Said)
    assert ".." not in said.image
    assert not said.image.startswith("/")
    assert said.image.endswith("secret.jpg")


def test_skeletons_and_their_points_are_no_classes(tmp_path: Path) -> None:
    head = (
        "<meta><task><labels><label><name>hand</name><type>skeleton</type></label><label><name>1"
        "</name><type>points</type><parent>hand</parent></label><label><name> cat </name>"
        "<attributes><attribute><name>age</name></attribute></attributes></label></labels></task>"
        "</meta>"
    )
    write(tmp_path / "annotations.xml", image("a.jpg"), head=head)

    assert found(tmp_path).declare() == Declared(ClassList(("cat",)))


def test_other_folders_are_none(tmp_path: Path) -> None:
    assert detect(folders.native(tmp_path / "native", masks={"a": [1]})) is None
    voc = tmp_path / "voc" / "Annotations"
    voc.mkdir(parents=True)
    for at in range(25):
        (voc / f"{at:02}.xml").write_text("<annotation><object/></annotation>")
    assert detect(voc.parent) is None
    write(tmp_path / "voc" / "cvat.xml", image("a.jpg"))
    assert list(found(voc.parent).annotation_files()) == [tmp_path / "voc" / "cvat.xml"]
    assert detect(tmp_path / "none") is None


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    source = Cvat(tmp_path / "gone", tmp_path / "gone", tmp_path / "gone" / "annotations.xml")

    with pytest.raises(DataError, match=r"gone: cannot be read: No such file or directory$"):
        source.annotation_files()
