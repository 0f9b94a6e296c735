from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.class_names import bad_name
from decouplednet.annotations.formats.cvat_masks import CvatMasks, detect
from decouplednet.annotations.formats.source import Declared, Said, Source
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.classes import ClassList
from tests.annotations import folders

SIZE = (37, 53)
LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ndog:61,61,245::\ncat:250,50,83::\n"


def export(root: Path, images: str = "JPEGImages") -> Path:
    """Write what CVAT exports of two images, one in a sub-folder, one of which has a mask."""
    folders.image(root / images / "a.jpg", SIZE)
    folders.image(root / images / "sub" / "b.png", SIZE)
    (root / "labelmap.txt").write_text(LABELMAP)
    for folder in ("SegmentationClass", "SegmentationObject"):
        (root / folder / "sub").mkdir(parents=True)
        picture = Image.new("RGB", SIZE[::-1])
        ImageDraw.Draw(picture).polygon([(4, 5), (30, 8), (21, 33)], fill=(250, 50, 83))
        ImageDraw.Draw(picture).rectangle((20, 2, 50, 11), fill=(61, 61, 245))
        picture.save(root / folder / "sub" / "b.png")
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "default.txt").write_text("a\nsub/b\n")
    return root


def found(root: Path) -> CvatMasks:
    source = detect(root)
    assert source is not None
    return source


def test_an_export_is_told_by_its_labelmap_and_read(tmp_path: Path) -> None:
    source: Source = found(export(tmp_path))

    assert source.name == "cvat-masks"
    assert source.statement == (
        "CVAT's Segmentation mask 1.1: SegmentationClass/ in the colours of labelmap.txt"
    )
    assert source.images == tmp_path / "JPEGImages"
    assert source.splits == tmp_path / "ImageSets" / "Segmentation"
    assert source.class_file == tmp_path / "labelmap.txt"
    assert source.apart == ()
    assert not source.loose
    assert source.declare() == Declared(ClassList(("dog", "cat")))
    (file,) = source.annotation_files()
    assert file == tmp_path / "SegmentationClass" / "sub" / "b.png"
    (said,) = source.read(file)
    assert isinstance(said, Said)
    assert (said.image, said.tags) == ("sub/b", None)


def test_the_mask_is_what_was_painted(tmp_path: Path) -> None:
    source = found(export(tmp_path))
    (file,) = source.annotation_files()
    (said,) = source.read(file)
    assert isinstance(said, Said)
    assert said.mask is not None
    ids = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(ids).polygon([(4, 5), (30, 8), (21, 33)], fill=2)
    ImageDraw.Draw(ids).rectangle((20, 2, 50, 11), fill=1)

    mask = MaskSource(said.mask, tmp_path / "b.png", ClassList(("dog", "cat"))).read()

    np.testing.assert_array_equal(mask, np.asarray(ids))


@pytest.mark.parametrize("images", ["images", "."])
def test_images_may_lie_beside(tmp_path: Path, images: str) -> None:
    source = found(export(tmp_path, images))

    assert source.images == tmp_path / images
    apart = (tmp_path / "SegmentationClass", tmp_path / "SegmentationObject")
    assert source.apart == (apart if images == "." else ())


def test_a_mask_of_another_format_is_named(tmp_path: Path) -> None:
    source = found(export(tmp_path))
    path = tmp_path / "SegmentationClass" / "a.jpg"
    Image.new("RGB", (2, 3)).save(path)

    assert path in source.annotation_files()
    message = (
        "a mask is a PNG, TIFF, BMP or GIF, because other formats may change ids; export it as PNG"
    )
    assert list(source.read(path)) == [Finding("mask-format", str(path), message)]


@pytest.mark.parametrize(
    ("labelmap", "finding", "classes"),
    [
        (
            "cat:1,2,3::\ndog:1,2,3::\n",
            (
                "bad-colour-table",
                "line 2: 1,2,3 is the colour of 'cat' too, on line 1, so 'dog' cannot be told from "
                "it; give each its own colour",
            ),
            None,
        ),
        (
            "background:0,0,0::\nignored:1,1,1::\n",
            ("no-classes", "a class list holds 1 to 254 names; this one holds 0"),
            None,
        ),
        (
            "a;b:1,1,1::\ncat:2,2,2::\n",
            ("bad-class-name", bad_name(Path(), "a;b").message),
            ("cat",),
        ),
    ],
)
def test_faults_of_the_labelmap_are_named(
    tmp_path: Path, labelmap: str, finding: tuple[str, str], classes: tuple[str, ...] | None
) -> None:
    (export(tmp_path) / "labelmap.txt").write_text(labelmap)

    declared = found(tmp_path).declare()

    code, message = finding
    assert declared.findings == (Finding(code, str(tmp_path / "labelmap.txt"), message),)
    assert declared.classes == (None if classes is None else ClassList(classes))


def test_other_folders_are_none(tmp_path: Path) -> None:
    assert detect(folders.native(tmp_path / "native", masks={"a": [1]})) is None
    voc = tmp_path / "voc"
    folders.image(voc / "JPEGImages" / "a.jpg")
    folders.mask(voc / "SegmentationClass" / "a.png")
    assert detect(voc) is None
    (voc / "labelmap.txt").write_text("what lies here\n")
    assert detect(voc) is None
    assert detect(tmp_path / "none") is None
