import base64
import math
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.mask_kinds import shapes
from decouplednet.errors import DataError
from tests.annotations.mask_kinds.drawings import SIZE, cat, drawn, png_text


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"polygons": [[1, 1, 5, 5]]}, "a polygon has at least 3 points; this one has 2"),
        ({"polygons": [["a", 1, 2, 3]]}, "its points are no list of numbers"),
        ({"polygons": [[1, 2, 3]]}, "its points are no list of x, y, x, y, ...; shape (3,)"),
        (
            {"polygons": [[[1, 2], [3, 4]]]},
            "its points are no list of x, y, x, y, ...; shape (2, 2)",
        ),
        ({"polygons": 7}, "its points are no list of x, y, x, y, ...; shape ()"),
        ({"polygons": [[1, 2, math.inf, 2, 3, 3]]}, "its points are no finite numbers"),
        ({"polygons": [[1, 2, 10**400, 2, 3, 3]]}, "its points are no list of numbers"),
        ({"polygons": [[None, 2, 3, 2, 3, 3]]}, "its points are no finite numbers"),
        (
            {"polygons": [[1, 2, 1e9, 2, 3, 3]]},
            "the point (1e+09, 2) lies far outside of the picture of 53 x 37 pixels",
        ),
        (
            {"polygons": [[-53, 2, 106, 2] * 500]},
            "its line is 159000 pixels long, longer than 100245",
        ),
        ({"line": [-53, 2, 106, 2] * 500}, "its line is 158841 pixels long, longer than 100245"),
        ({"line": []}, "its points are no list of x, y, x, y, ...; shape (0,)"),
        ({"point": [60, 5]}, "the point [60, 5] is none in the picture"),
        ({"point": [1, 5, 2, 2]}, "the point [1, 5, 2, 2] is none in the picture"),
        ({"box": [1, 2]}, "the box [1, 2] is no [left, top, width, height]"),
        ({"box": [1, 2, 3, -1]}, "the box [1, 2, 3, -1] covers nothing of the picture"),
        ({"box": [60, 2, 3, 1]}, "the box [60, 2, 3, 1] covers nothing of the picture"),
        (
            {"rle": {"size": [53, 37], "counts": [1961]}},
            "run lengths of a picture of [53, 37] (height, width), drawn on one of [37, 53]",
        ),
        (
            {"rle": {"size": True, "counts": [1961]}},
            "run lengths of a picture of True (height, width), drawn on one of [37, 53]",
        ),
        ({"rle": [37, 53]}, 'run lengths are {"size": [h, w], "counts": ...}'),
        (
            {"rle": {"size": [37, 53], "counts": [1960]}},
            "its run lengths cover fewer than the 1961 pixels that there are",
        ),
        (
            {"rle": {"size": [37, 53], "counts": [2**62, 2**62, 2**62, 2**62]}},
            "its run lengths cover more than the 1961 pixels that there are",
        ),
        (
            {"rle": {"size": [37, 53], "counts": [1962, -1]}},
            "its run lengths are no whole numbers from 0 on",
        ),
        (
            {"rle": {"size": [37, 53], "counts": [2**70]}},
            "its run lengths are no whole numbers from 0 on",
        ),
        (
            {"rle": {"size": [37, 53], "counts": [[1], [2, 3]]}},
            "its run lengths are no whole numbers from 0 on",
        ),
        (
            {"rle": {"size": [37, 53], "counts": "Q"}},
            "its run lengths are no compressed text of COCO, or cut short",
        ),
        (
            {"rle": {"size": [37, 53], "counts": "\u00e9"}},
            "its run lengths are no compressed text of COCO, or cut short",
        ),
        (
            {"rle": {"size": [37, 53], "counts": ""}},
            "its run lengths are no compressed text of COCO, or cut short",
        ),
        (
            {"rle": {"size": [37, 53], "counts": "Q" * 8 + "0"}},
            "its run lengths hold a number that is too long",
        ),
        ({"runs": [1, 2, 3]}, "runs are [left, top, width, height, [...]]"),
        ({"runs": [1, 2, 3.5, 1, [3]]}, "its place [1, 2, 3.5, 1] is not in whole pixels"),
        ({"runs": [1, 2, 0, 1, []]}, "the box of the runs has 0 x 1 pixels"),
        ({"runs": [1, 2, 2000, 1, [2000]]}, "the box of the runs has 2000 x 1 pixels"),
        (
            {"runs": [1, 2, 2, 2, [3]]},
            "its run lengths cover fewer than the 4 pixels that there are",
        ),
        ({"brush": 10**9}, "a brush is a list of bytes"),
        ({"brush": [1, "a"]}, "a brush mask is a list of bytes, whole numbers from 0 to 255"),
        ({"png": [1, 2]}, "a PNG is [left, top, base64 text]"),
        ({"png": [1, None, ""]}, "its place [1, None] is not in whole pixels"),
        ({"png": [1, 2, "%%%"]}, "its PNG is no base64 text"),
        (
            {"png": [1, 2, png_text(np.zeros((40, 60), np.uint8))]},
            "its PNG has 60 x 40 pixels, more than the 1961 of the picture",
        ),
    ],
)
def test_shapes_that_are_none_are_told(shape: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as refusal:
        drawn(cat(point=[1, 1]), cat(**shape))

    assert str(refusal.value) == f"x.json: mask of a.jpg: shape 2 (cat): {message}"


def test_a_damaged_png_is_told() -> None:
    sound = base64.b64decode(png_text(np.ones((9, 9), np.uint8)))

    for broken in (sound[:40], sound[:-20], b"GIF89a", b""):
        with pytest.raises(DataError, match=r"shape 1 \(cat\): its PNG cannot be read: "):
            drawn(cat(png=[1, 2, base64.b64encode(broken).decode()]))


def test_shares_that_overflow_are_told() -> None:
    with pytest.raises(DataError, match=r"its points are no finite numbers$"):
        drawn(cat(point=[1e308, 0.5]), normalised=True)


@pytest.mark.parametrize(("name", "told"), [(None, "255"), ("", "0"), ("dog", "dog")])
def test_messages_name_the_class_of_the_shape(name: str | None, told: str) -> None:
    with pytest.raises(DataError, match=rf"shape 1 \({told}\): "):
        drawn({"class": name, "point": [99, 99]})


def test_sizes_and_numbers_of_shapes_that_no_image_has_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for size, message in (
        ([0, 5], f"5 x 0 pixels are none, or more than {Image.MAX_IMAGE_PIXELS}"),
        (
            [10**6, 10**6],
            f"1000000 x 1000000 pixels are none, or more than {Image.MAX_IMAGE_PIXELS}",
        ),
    ):
        with pytest.raises(DataError) as refusal:
            drawn(size=size)
        assert str(refusal.value) == f"x.json: mask of a.jpg: {message}"
    monkeypatch.setattr(shapes, "MOST_PARTS", 2)
    with pytest.raises(DataError, match=r"mask of a\.jpg: 3 shapes are more than 2$"):
        drawn(*[cat(point=[1, 1])] * 3)


def test_without_the_package_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)

    with pytest.raises(DataError) as refusal:
        drawn(cat(polygons=[[1, 1, 5, 5, 1, 5]]))

    assert str(refusal.value) == (
        "x.json: mask of a.jpg: shape 1 (cat): drawing polygons needs pycocotools; run: pip "
        "install 'decouplednet[formats]'"
    )
    assert drawn(cat(rle={"size": list(SIZE), "counts": [1961]})).shape == SIZE
