import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.check import CheckReport, check
from decouplednet.annotations.record import Record
from decouplednet.errors import DataError
from tests.annotations import folders


def found(root: Path) -> list[tuple[str, str]]:
    """Return code and path under the data set of every finding."""
    return [(f.code, Path(f.file).relative_to(root).as_posix()) for f in check(root).findings]


def test_a_sound_data_set_is_counted_and_has_no_finding(tmp_path: Path) -> None:
    folders.native(
        tmp_path,
        tags={"a": "cat;dog", "b": "dog", "c": ""},
        masks={"a": [0, 1, 2, 255], "d": [2]},
        images=["e"],
        splits={"val": ["a"]},
    )

    assert check(tmp_path) == CheckReport(images=5, tagged=3, masked=2, findings=())


def test_a_data_set_may_be_named_by_a_string(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat", "b": "dgo"})

    assert check(str(tmp_path)) == check(tmp_path)


def test_progress_is_told_every_image(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat", "b": "dog"})
    seen: list[str] = []

    def watch(records: Sequence[Record]) -> Iterator[Record]:
        for record in records:
            seen.append(record.name)
            yield record

    check(tmp_path, watch)

    assert seen == ["a", "b"]


def write_faults(root: Path) -> None:
    """Write a data set with every fault that images, masks, tags and splits can have."""
    folders.native(
        root,
        classes=("cat", "dog", "whale"),
        tags=dict.fromkeys("abcdefghi", "cat") | {"j": "dgo", "k": ""},
        masks={
            "c": [7],
            "d": [0, 255],
            "f": [1, 2],
            "h": [0, 1],
            "i": [1],
            "j": [2],
            "k": [0, 255],
            "l": [1],
        },
        splits={"empty": [], "val": ["a", "z"]},
    )
    (root / "images" / "a.png").write_bytes(b"")
    image = root / "images" / "b.png"
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(image)
    image.write_bytes(image.read_bytes()[:2000])
    Image.new("RGB", (7, 5)).save(root / "masks" / "e.png")
    (root / "masks" / "g.png").write_bytes(b"GIF89a")
    folders.mask(root / "masks" / "h.png", [0, 1], size=(7, 5))
    folders.mask(root / "masks" / "i.png", [1], size=(6, 7))
    (root / "images" / "l.png").unlink()
    (root / "images" / "h.tif").write_bytes(image.read_bytes())
    with (root / "tags.csv").open("a") as rows:
        rows.write("x,cat\na,dog\n")


def test_every_fault_is_named_and_none_hides_another(tmp_path: Path) -> None:
    write_faults(tmp_path)

    assert sorted(found(tmp_path)) == sorted(
        [
            ("duplicate-image", "images/h.tif"),
            ("mask-without-image", "masks/l.png"),
            ("duplicate-row", "tags.csv"),
            ("tag-without-image", "tags.csv"),
            ("unknown-tag", "tags.csv"),
            ("empty-split", "splits/empty.txt"),
            ("split-without-file", "splits/val.txt"),
            ("unreadable-image", "images/a.png"),
            ("unreadable-image", "images/b.png"),
            ("mask-id", "masks/c.png"),
            ("binary-mask", "masks/d.png"),
            ("colour-mask", "masks/e.png"),
            ("mask-class-not-tagged", "masks/f.png"),
            ("unreadable-mask", "masks/g.png"),
            ("mask-size", "masks/h.png"),
            ("mask-size", "masks/i.png"),
            ("class-without-image", "classes.txt"),
        ]
    )


def test_messages_do_not_repeat_the_file(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat", "b": "dog"}, masks={"a": [0, 9]})
    (tmp_path / "images" / "b.png").write_bytes(b"")

    assert [one.message for one in check(tmp_path).findings] == [
        "id 9 at row 1, column 0 is no class: ids run from 0 (background) to 2, and 255 is ignored "
        "(14 such pixels); correct the id, or add its class to classes.txt",
        "not a readable image: the file is empty; save it anew, or remove it",
    ]


def test_a_mask_of_a_turned_image_is_compared_with_the_upright_one(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat", "b": "dog"}, masks={"a": [1], "b": [2]})
    exif = Image.Exif()
    exif[274] = 6
    for name in ("a", "b"):
        Image.new("RGB", (7, 5)).save(tmp_path / "images" / f"{name}.png", exif=exif)
    folders.mask(tmp_path / "masks" / "a.png", [1], size=(7, 5))

    (one,) = check(tmp_path).findings

    assert Path(one.file).name == "b.png"
    assert "they differ only by a quarter turn" in one.message


def test_the_classes_a_row_lacks_are_named(tmp_path: Path) -> None:
    folders.native(
        tmp_path, classes=("cat", "cow", "dog"), tags={"a": "cow"}, masks={"a": [1, 2, 3]}
    )

    assert [one.message for one in check(tmp_path).findings] == [
        "shows cat, dog, which the tags of the image lack; correct the tags or the mask"
    ]


def test_photographs_of_other_formats_are_named_and_do_not_hinder_a_run(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat;dog"})
    (tmp_path / "images" / "b.heic").touch()

    (one,) = check(tmp_path).findings

    assert (one.code, Path(one.file).name) == ("image-format", "b.heic")
    assert one.message == "a photograph in a format that is not read; convert it to JPEG or PNG"
    assert len(Catalogue.read(tmp_path).records) == 1


def test_a_class_on_no_image_is_named_and_one_in_a_mask_alone_is_not(tmp_path: Path) -> None:
    folders.native(tmp_path, classes=("cat", "dog", "cow"), tags={"a": "cat"}, masks={"b": [2]})

    assert [one.message for one in check(tmp_path).findings] == [
        "no tag and no mask names the class 'cow'; tag images of it, or train the other classes "
        "with data.classes"
    ]


def test_the_twenty_classes_of_voc_need_not_all_be_there(tmp_path: Path) -> None:
    folders.image(tmp_path / "JPEGImages" / "a.jpg")
    folders.mask(tmp_path / "SegmentationClass" / "a.png", [8])

    assert check(tmp_path) == CheckReport(images=1, tagged=0, masked=1, findings=())


def test_without_a_class_list_images_and_masks_are_still_opened(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat"}, masks={"b": [1]})
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    folders.mask(tmp_path / "masks" / "b.png", [9], size=(5, 8))

    assert found(tmp_path) == [
        ("no-classes", "classes.txt"),
        ("unreadable-image", "images/a.png"),
        ("mask-size", "masks/b.png"),
    ]


def test_a_folder_that_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds neither images/ nor JPEGImages/"):
        check(tmp_path)


def test_annotations_are_read_without_torch() -> None:
    code = (
        "import sys, pkgutil, importlib, decouplednet.annotations as part\n"
        "for found in pkgutil.iter_modules(part.__path__, part.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
