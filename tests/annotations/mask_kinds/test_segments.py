import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.annotations.mask_kinds import segments
from decouplednet.classes import ClassList
from decouplednet.errors import DataError

SIZE = (37, 53)
CLASSES = ClassList(("road", "sky"))
IMAGE = Path("a.jpg")


def read(path: Path, ids: str, classes: dict[str, Any], others: int | None = None) -> Any:
    more = json.dumps({"ids": ids, "classes": classes, "others": others})
    return segments.read(Content(Kind.SEGMENTS, path, more), IMAGE, CLASSES)


def saved(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def drawn_ids(numbers: list[int], kind: type) -> NDArray[Any]:
    return np.random.default_rng(2).choice(np.array(numbers, kind), SIZE)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_are_ids_red_first(tmp_path: Path, channels: int) -> None:
    ids = drawn_ids([0, 1, 255, 256, 65536, 3226956], np.int64)
    pixels = np.full((*SIZE, channels), 255, np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = ids % 256, ids // 256 % 256, ids // 65536
    classes = {"0": None, "1": "road", "255": "sky", "256": "", "65536": "whale", "3226956": "sky"}

    mask = read(saved(tmp_path / "a.png", pixels), "colours", classes)

    expected = {0: 255, 1: 1, 255: 2, 256: 0, 65536: 255, 3226956: 2}
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[expected[int(one)] for one in row] for row in ids]


@pytest.mark.parametrize(
    ("numbers", "kind"), [([0, 7, 200], np.uint8), ([0, 7, 200, 40_000], np.uint16)]
)
def test_numbers_of_8_and_16_bits_are_ids(
    tmp_path: Path, numbers: list[int], kind: type[Any]
) -> None:
    ids = drawn_ids(numbers, kind)
    classes = {"0": None, "7": "road", "40000": "sky"}

    mask = read(saved(tmp_path / "a.png", ids), "numbers", classes, others=0)

    expected = {0: 255, 7: 1, 200: 0, 40_000: 2}
    assert mask.tolist() == [[expected[int(one)] for one in row] for row in ids]


def test_indices_of_a_palette_and_grey_of_few_bits_are_numbers(tmp_path: Path) -> None:
    ids = drawn_ids([0, 1, 3], np.uint8)
    image = Image.fromarray(ids, "P")
    image.putpalette([9] * 768)
    image.save(tmp_path / "p.png", bits=2)
    saved(tmp_path / "b.png", ids > 0)
    classes = {"0": "", "1": "road", "3": "sky"}

    assert np.array_equal(read(tmp_path / "p.png", "numbers", classes), np.where(ids == 3, 2, ids))
    assert np.array_equal(read(tmp_path / "b.png", "numbers", classes), ids > 0)


def test_pictures_are_translated_strip_by_strip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = drawn_ids([0, 7], np.uint8)
    path = saved(tmp_path / "a.png", ids)
    monkeypatch.setattr(segments, "_PIXELS", 200)

    assert np.array_equal(read(path, "numbers", {"7": "sky"}, others=255), np.where(ids, 2, 255))
    ids[20, 11] = 9
    saved(path, ids)
    with pytest.raises(DataError, match="the id 9 at row 20, column 11 is none that"):
        read(path, "numbers", {"7": "sky", "0": None})


@pytest.mark.parametrize("others", [0, 255])
def test_without_any_class_all_are_others(tmp_path: Path, others: int) -> None:
    path = saved(tmp_path / "a.png", drawn_ids([0, 7], np.uint8))

    assert (read(path, "numbers", {}, others) == others).all()


def test_pictures_that_hold_no_ids_are_told(tmp_path: Path) -> None:
    grey = saved(tmp_path / "grey.png", np.zeros(SIZE, np.uint8))
    colour = saved(tmp_path / "colour.png", np.zeros((*SIZE, 3), np.uint8))
    photo = saved(tmp_path / "photo.png", np.zeros((*SIZE, 3), np.uint8), format="JPEG")
    for path, ids, message in (
        (grey, "colours", "is a picture of mode L; ids of segments are colours (RGB)"),
        (colour, "numbers", "is a colour picture (mode RGB); ids of classes are numbers"),
        (
            photo,
            "colours",
            "is a JPEG inside; ids are kept in a PNG, because other formats may change them; "
            "export it as PNG",
        ),
        (
            grey,
            "numbers",
            "the id 0 at row 0, column 0 is none that the annotation file lists for the image; "
            "export both anew, together",
        ),
        (tmp_path / "gone.png", "colours", "not a readable image: there is no such file"),
    ):
        with pytest.raises(DataError) as refusal:
            read(path, ids, {"7": "road"})
        assert str(refusal.value) == f"{path}: {message}"
