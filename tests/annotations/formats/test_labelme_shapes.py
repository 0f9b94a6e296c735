import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.formats.drawn_shapes import content_of
from decouplednet.annotations.formats.labelme_shapes import shape_of
from decouplednet.annotations.formats.refusals import ImageRefusedError
from tests.annotations.formats.pixels import drawn

SIZE = (37, 53)


def shape(kind: str | None, *points: tuple[float, float], label: object = "cat") -> dict[str, Any]:
    return {
        "label": label,
        "points": [list(point) for point in points],
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {"occluded": True},
        "mask": None,
    }


def picture(pixels: NDArray[np.bool_], file_format: str = "PNG") -> str:
    content = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8) * 255).save(content, file_format)
    return base64.b64encode(content.getvalue()).decode()


@pytest.mark.parametrize("kind", ["polygon", None])
def test_a_polygon_is_an_outline(kind: str | None) -> None:
    drawn_shape = shape_of(shape(kind, (1, 2), (30.5, 2), (30, 20)))

    assert drawn_shape.parts == ({"class": "cat", "polygons": [[1, 2, 30.5, 2, 30, 20]]},)
    assert drawn_shape.whole


def test_a_shape_of_an_old_version_is_a_polygon() -> None:
    old = {"label": "cat", "points": [[1, 2], [30, 2], [30, 20]], "fill_color": None}

    assert shape_of(old).whole


@pytest.mark.parametrize(
    "corners",
    [
        [(5, 7), (20.5, 30)],
        [(20.5, 30), (5, 7)],
        [(20.5, 7), (5, 30)],
        [(5, 7), (20.5, 7), (20.5, 30), (5, 30)],
    ],
)
def test_a_rectangle_is_a_box_from_whatever_corner_it_was_drawn(
    corners: list[tuple[float, float]],
) -> None:
    drawn_shape = shape_of(shape("rectangle", *corners))

    assert drawn_shape.parts == ({"class": "cat", "box": [5, 7, 15.5, 23]},)
    assert not drawn_shape.whole


@pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation"])
def test_a_turned_rectangle_is_a_box(kind: str) -> None:
    drawn_shape = shape_of(shape(kind, (10, 0), (20, 10), (10, 20), (0, 10)))

    assert [part["class"] for part in drawn_shape.parts] == [None, "cat"]
    assert not drawn_shape.whole


def test_a_circle_is_given_by_its_middle_and_a_point_of_its_rim() -> None:
    drawn_shape = shape_of(shape("circle", (26.2, 18.4), (26.2 + 6, 18.4 + 8)))

    names = drawn(content_of(Path("a"), SIZE, [drawn_shape]), SIZE)
    for row in range(37):
        for column in range(53):
            reach = np.hypot(column + 0.5 - 26.2, row + 0.5 - 18.4)
            if abs(reach - 10) > 0.06:
                assert (names[row, column] == "cat") == (reach < 10)


def test_lines_and_points_are_strokes_and_points() -> None:
    kinds = {
        kind: shape_of(shape(kind, *points)).parts
        for kind, points in {
            "line": [(1.0, 2.0), (3.0, 4.5)],
            "linestrip": [(1.0, 2.0), (3.0, 4.5), (9.0, 9.0)],
            "point": [(7.5, 8.0)],
        }.items()
    }

    assert kinds == {
        "line": ({"class": "cat", "line": [1, 2, 3, 4.5]},),
        "linestrip": ({"class": "cat", "line": [1, 2, 3, 4.5, 9, 9]},),
        "point": ({"class": "cat", "point": [7.5, 8]},),
    }


def test_a_mask_comes_back_pixel_by_pixel() -> None:
    pixels = np.random.default_rng(0).random((11, 17)) < 0.4
    mask = {**shape("mask", (30.0, 20.0), (46.0, 30.0)), "mask": picture(pixels)}

    names = drawn(content_of(Path("a"), SIZE, [shape_of(mask)]), SIZE)

    expected = np.full(SIZE, "", dtype=object)
    expected[20:31, 30:47][pixels] = "cat"
    assert (names == expected).all()
    assert shape_of(mask).whole


def test_a_mask_between_pixels_has_the_size_of_its_picture() -> None:
    mask = {**shape("mask", (2.4, 3.6), (9.0, 9.0)), "mask": picture(np.ones((5, 7), np.bool_))}

    assert shape_of(mask).parts[0]["png"][:2] == [2, 4]


def test_labels_may_be_background_or_ignored() -> None:
    names = [
        shape_of(shape("point", (1, 1), label=label)).name
        for label in ("_background_", "__ignore__", " cat ")
    ]

    assert names == ["", None, "cat"]


JPEG = {
    **shape("mask", (0, 0), (6, 4)),
    "mask": picture(np.ones((5, 7), np.bool_), "JPEG"),
}
HUGE = "iVBORw0KGgoAAAANSUhEUgAAf/8AAH//" + "AAAA"  # the head of a PNG of 32767 x 32767 pixels
ANEW = "draw it anew, or remove it"
BAD = [
    (
        shape("polygon", (1, 1), (2, 2)),
        f"it has 2 points, but a polygon has at least 3 points; {ANEW}",
    ),
    (shape(None, (1, 1)), f"it has 1 point, but a polygon has at least 3 points; {ANEW}"),
    (
        shape("rectangle", (1, 1), (1, 9)),
        f"it has 2 points, but a rectangle has 2 corners or 4, and an area; {ANEW}",
    ),
    (
        shape("rectangle", (1, 1)),
        f"it has 1 point, but a rectangle has 2 corners or 4, and an area; {ANEW}",
    ),
    (
        shape("rotation", (1, 1), (1, 1), (2, 2), (3, 3)),
        f"it has 4 points, but a rotation has 4 different corners; {ANEW}",
    ),
    (
        shape("circle", (1, 1), (1, 1)),
        f"it has 2 points, but a circle has a middle and a point of its rim; {ANEW}",
    ),
    (
        shape("circle", (1, 1)),
        f"it has 1 point, but a circle has a middle and a point of its rim; {ANEW}",
    ),
    (shape("line", (1, 1)), f"it has 1 point, but a line has 2 points; {ANEW}"),
    (shape("linestrip", (1, 1)), f"it has 1 point, but a linestrip has at least 2 points; {ANEW}"),
    (shape("point"), f"it has 0 points, but a point has 1 point; {ANEW}"),
    (shape("mask", (1, 1)), f"it has 1 point, but a mask has 2 corners; {ANEW}"),
    ({"label": "cat", "points": 7}, "it has no list of points; draw it anew, or remove it"),
    (
        {"label": "cat", "points": [[1, 2, 3]]},
        "it has no list of points; draw it anew, or remove it",
    ),
    (shape("mask", (1, 1), (2, 2)), "its mask is no picture in base64; draw it anew"),
    (
        {**shape("mask", (1, 1), (2, 2)), "mask": "no base64!"},
        "its mask is no picture in base64; draw it anew",
    ),
    ({**shape("mask", (1, 1), (2, 2)), "mask": "QUJD"}, "its mask is no PNG; draw it anew"),
    (JPEG, "its mask is no PNG; draw it anew"),
    (
        {**shape("mask", (1, 1), (6, 5)), "mask": picture(np.ones((5, 7), np.bool_))},
        "its mask is 7 x 5 pixels, but its corners are 6 x 5 pixels apart; draw it anew",
    ),
    (
        {**shape("mask", (1, 1), (2, 2)), "mask": HUGE},
        "its mask is 32767 x 32767 pixels; draw it anew, or remove it",
    ),
]


@pytest.mark.parametrize(("bad", "message"), BAD)
def test_a_shape_that_is_none_is_refused(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageRefusedError, match=f"^{re.escape(message)}$") as refused:
        shape_of(bad)
    assert refused.value.code == "bad-shape"


@pytest.mark.parametrize("kind", ["points", "cuboid", 7, ["polygon"]])
def test_a_kind_that_is_not_read_is_refused(kind: object) -> None:
    message = f"a shape of {kind!r} is not read; draw it as a polygon"
    with pytest.raises(ImageRefusedError, match=f"^{re.escape(message)}$") as refused:
        shape_of({"label": "cat", "shape_type": kind, "points": []})
    assert refused.value.code == "unread-shape"


@pytest.mark.parametrize("label", ["a;b", "", None, 7])
def test_a_label_that_no_class_can_have_is_refused(label: object) -> None:
    with pytest.raises(ImageRefusedError, match="cannot be the name of a class here") as refused:
        shape_of(shape("point", (1, 1), label=label))
    assert refused.value.code == "bad-class-name"
