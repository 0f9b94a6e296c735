import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats import coco
from decouplednet.annotations.formats.panoptic import PanopticSource, detect
from decouplednet.annotations.formats.source import Said, Source
from decouplednet.annotations.mask_content import Kind
from decouplednet.annotations.mask_kinds import segments
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations.formats import coco_sets
from tests.annotations.formats.coco_sets import SIZE, image, instances, square

CLASSES = ({"id": 7, "name": "road"}, {"id": 2, "name": "person"}, {"id": 200, "name": "sky"})
ORDER = ClassList(("person", "road", "sky"))


def picture(path: Path, ids: NDArray[Any]) -> None:
    """Write ids as colours: red the lowest byte, blue the highest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(path)


def panoptic(root: Path, annotations: Any, images: Any = None, split: str = "val2017") -> Path:
    images = images or [image(1, "a.jpg")]
    return instances(root / "annotations" / f"panoptic_{split}.json", images, annotations, CLASSES)


def segment(number: int, class_id: int, **changed: Any) -> dict[str, Any]:
    return {"id": number, "category_id": class_id, "iscrowd": 0, "bbox": [], **changed}


def annotation(*found: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"image_id": 1, "file_name": "a.png", "segments_info": list(found), **changed}


def source_of(root: Path) -> PanopticSource:
    source = detect(root)
    assert source is not None
    return source


def read(root: Path) -> tuple[list[Said], list[tuple[str, str]]]:
    source = source_of(root)
    found = [one for file in source.annotation_files() for one in source.read(file)]
    told = [(one.code, one.message) for one in found if isinstance(one, Finding)]
    return [one for one in found if isinstance(one, Said)], told


def test_segments_become_the_classes_of_their_file(tmp_path: Path) -> None:
    ids = np.zeros(SIZE, np.int64)
    ids[3:9, 4:20], ids[9:30, 4:20], ids[9:30, 20:50] = 3226956, 45, 70000
    ids[30:, :] = 300
    picture(tmp_path / "annotations" / "panoptic_val2017" / "a.png", ids)
    found = [
        segment(3226956, 2),
        segment(45, 7),
        segment(70000, 2, iscrowd=1),
        segment(300, 200),
    ]
    panoptic(tmp_path, [annotation(*found)])

    (said,), told = read(tmp_path)

    assert told == []
    assert (said.image, said.tags, said.drawn) == ("a.jpg", frozenset(ORDER), frozenset(ORDER))
    assert said.mask is not None
    assert said.mask.kind == Kind.SEGMENTS
    mask = segments.read(said.mask, Path("a.jpg"), ORDER)
    assert [int(mask[row, 25]) for row in (0, 9, 30)] == [255, 255, 3]
    assert [int(mask[row, 4]) for row in (2, 3, 9)] == [255, 1, 2]


def test_the_source_is_one(tmp_path: Path) -> None:
    panoptic(tmp_path, [annotation(segment(45, 7))])
    assert detect(tmp_path) is None  # there are no PNGs
    (tmp_path / "panoptic_val2017").mkdir()
    (tmp_path / "val2017").mkdir()
    source: Source = source_of(tmp_path)

    assert source.name == "panoptic"
    assert source.statement == "COCO panoptic, from annotations/panoptic_val2017.json"
    assert source.images == tmp_path
    assert source.apart == (tmp_path / "annotations", tmp_path / "panoptic_val2017")
    assert source.loose
    assert source.splits is None
    assert source.class_file == tmp_path / "classes.txt"
    assert source.declare().classes == ORDER
    assert source.declare().guessed
    assert [one.image for one in read(tmp_path)[0]] == ["val2017/a.jpg"]
    assert coco.detect(tmp_path) is None


def test_several_files_are_splits(tmp_path: Path) -> None:
    for split in ("train", "val"):
        panoptic(tmp_path, [annotation(segment(45, 7))], split=split)
        (tmp_path / "annotations" / f"panoptic_{split}").mkdir()

    assert source_of(tmp_path).declare().splits == {"train": ("a",), "val": ("a",)}


def test_stuff_has_a_picture_of_ids_of_classes(tmp_path: Path) -> None:
    file = tmp_path / "annotations" / "stuff_val2017.json"
    images = [image(1, "a.jpg"), image(2, "b.jpg")]
    boxes = [square(1, 7, (1, 1, 2, 2)), square(1, 200, (1, 1, 2, 2)), square(1, 9, (1, 1, 2, 2))]
    instances(file, images, boxes, CLASSES)
    ids = np.zeros(SIZE, np.uint8)
    ids[3:9, 4:20], ids[9:30], ids[30:] = 7, 200, 9
    folder = tmp_path / "annotations" / "stuff_val2017_pixelmaps"
    folder.mkdir()
    Image.fromarray(ids).save(folder / "a.png")

    (first, second), told = read(tmp_path)

    assert first.tags == first.drawn == {"road", "sky"}
    assert first.mask is not None
    mask = segments.read(first.mask, Path("a.jpg"), ORDER)
    assert [int(mask[row, 4]) for row in (0, 3, 9, 30)] == [255, 2, 3, 255]
    assert (second.tags, second.mask) == (None, None)
    assert told == [
        (
            "unknown-class-id",
            "image 'a.jpg': the id 9 is not among the \"categories\"; its pixels are ignored",
        )
    ]


def test_an_image_without_segments_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "panoptic_val2017").mkdir()
    panoptic(tmp_path, [annotation(segment(45, 7))], [image(1, "a.jpg"), image(2, "b.jpg")])

    assert [(one.image, one.tags) for one in read(tmp_path)[0]] == [
        ("a.jpg", {"road"}),
        ("b.jpg", None),
    ]


NEEDED = 'it needs a "file_name" and "segments_info", a list of segments with whole ids'
TOLD = [
    ("duplicate-annotation", "image '1.jpg' has two; the first counts"),
    (
        "bad-annotation",
        "image '2.jpg': 'out.png' is no file in panoptic_val2017; it has no mask",
    ),
    ("bad-annotation", f"image '3.jpg': {NEEDED}; it has no mask"),
    ("bad-annotation", f"image '4.jpg': {NEEDED}; it has no mask"),
    (
        "unknown-class-id",
        "image '5.jpg', segment 45: the id 9 is not among the \"categories\"; its pixels are "
        "ignored",
    ),
    ("bad-annotation", f"image '6.jpg': {NEEDED}; it has no mask"),
]


def test_faults_are_told_and_hide_no_other_image(tmp_path: Path) -> None:
    folder = tmp_path / "annotations" / "panoptic_val2017"
    folder.mkdir(parents=True)
    (tmp_path / "outside.png").touch()
    (folder / "out.png").symlink_to(tmp_path / "outside.png")
    road = segment(45, 7)
    panoptic(
        tmp_path,
        [
            annotation(road),
            annotation(road),
            annotation(road, image_id=2, file_name="out.png"),
            annotation(road, image_id=3, file_name=None),
            annotation(segment("x", 7), image_id=4),  # type: ignore[arg-type]
            annotation(segment(45, 9), image_id=5),
            annotation(image_id=6, segments_info=["x"]),
        ],
        [image(number, f"{number}.jpg") for number in range(1, 7)],
    )

    said, told = read(tmp_path)

    assert [(one.tags, one.mask is not None) for one in said] == [
        ({"road"}, True),
        ({"road"}, False),
        (None, False),
        (None, False),
        (frozenset(), True),
        (None, False),
    ]
    assert told == TOLD


def test_a_folder_that_went_away_is_told(tmp_path: Path) -> None:
    file = panoptic(tmp_path, [annotation(segment(45, 7))])

    with pytest.raises(DataError) as refusal:
        list(PanopticSource(tmp_path, "").read(file))

    assert str(refusal.value) == (
        f"{file}: there is no folder panoptic_val2017 with the PNGs of its segments"
    )


def test_other_layouts_are_none(tmp_path: Path) -> None:
    assert detect(tmp_path) is None
    panoptic(tmp_path, [annotation(segment(45, 7))])
    (tmp_path / "panoptic_val2017").mkdir()
    (tmp_path / "tags.csv").write_text(json.dumps({}))

    assert detect(tmp_path) is None
    coco_sets.write(tmp_path / "x.json", images=[])
    (tmp_path / "tags.csv").unlink()
    assert detect(tmp_path) is not None
