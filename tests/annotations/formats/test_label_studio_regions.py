import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.annotations.formats.drawn_shapes import content_of
from decouplednet.annotations.formats.label_studio_regions import (
    has_geometry,
    region,
    region_size,
)
from decouplednet.annotations.formats.refusals import ImageRefusedError
from decouplednet.annotations.writers.brush import encode_brush
from tests.annotations.formats.pixels import drawn

SIZE = (37, 53)


def mask(seed: int = 0) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(SIZE) < 0.3


def test_a_polygon_is_in_percent_of_width_and_height() -> None:
    corners = [(5.0, 2.0), (48.0, 2.0), (48.0, 30.0), (5.0, 30.0)]
    points = [[100 * x / 53, 100 * y / 37] for x, y in corners]

    shape = region({"points": points, "closed": True, "polygonlabels": ["cat"]}, SIZE)

    assert shape.parts == (
        {"class": "cat", "polygons": [[value for corner in corners for value in corner]]},
    )
    names = drawn(content_of(Path("a"), SIZE, [shape]), SIZE)
    assert ((names == "cat").sum(), names[2, 5], names[1, 5], names[2, 4]) == (
        43 * 28,
        "cat",
        "",
        "",
    )


def test_a_rectangle_turns_clockwise_around_its_upper_left_corner() -> None:
    value = {"x": 100 * 20 / 53, "y": 100 * 10 / 37, "width": 100 * 12 / 53, "height": 100 * 6 / 37}

    upright = region({**value, "rotation": 0, "rectanglelabels": ["cat"]}, SIZE)
    quarter = region({**value, "rotation": 90, "rectanglelabels": ["cat"]}, SIZE)
    turned = region({**value, "rotation": 30, "rectanglelabels": ["cat"]}, SIZE)

    assert upright.parts == ({"class": "cat", "box": [20, 10, 12, 6]},)
    assert quarter.parts == ({"class": "cat", "box": [14, 10, 6, 12]},)
    # By hand: 12 (cos 30, sin 30) along the upper side, 6 (-sin 30, cos 30) down the left one.
    np.testing.assert_allclose(
        turned.parts[0]["polygons"][0],
        [20, 10, 30.392305, 16, 27.392305, 21.196152, 17, 15.196152],
        atol=1e-6,
    )
    assert not turned.whole


def test_an_ellipse_lies_around_its_middle() -> None:
    value = {"x": 50, "y": 40, "radiusX": 100 * 9 / 53, "radiusY": 100 * 5 / 37, "rotation": 0}

    shape = region({**value, "ellipselabels": ["cat"]}, SIZE)

    names = drawn(content_of(Path("a"), SIZE, [shape]), SIZE)
    for row in range(37):
        for column in range(53):
            reach = ((column + 0.5 - 26.5) / 9) ** 2 + ((row + 0.5 - 14.8) / 5) ** 2
            if abs(reach - 1) > 0.03:
                assert (names[row, column] == "cat") == (reach < 1)


def test_key_points_are_points_whatever_their_size() -> None:
    value = {"x": 50.0, "y": 25.0, "width": 0.4, "height": 0.9, "keypointlabels": ["cat"]}

    assert region(value, SIZE).parts == ({"class": "cat", "point": [26.5, 9.25]},)


def test_a_brush_is_kept_as_it_is() -> None:
    rle = encode_brush(mask())

    shape = region({"format": "rle", "rle": rle, "brushlabels": ["cat"]}, SIZE)

    assert shape.parts == ({"class": "cat", "brush": rle},)
    assert shape.whole


def test_labels_of_any_shape_and_background_are_classes() -> None:
    value = {"x": 1, "y": 2, "width": 3, "height": 4}

    assert region({**value, "labels": [" cafe\u0301 "]}, SIZE).name == "caf\u00e9"
    assert region({**value, "labels": ["Background"]}, SIZE).name == ""


def test_geometry_tells_regions_from_choices() -> None:
    assert has_geometry({"rle": []})
    assert not has_geometry({"choices": ["cat"]})


POINTS = {"points": [[1, 1], [2, 1], [2, 2]]}
BOX = {"x": 1, "y": 1, "width": 3, "height": 4}
BAD = [
    ({}, "shape-without-class", "a region has no class; choose one in Label Studio, or remove it"),
    (
        {**POINTS, "polygonlabels": []},
        "shape-without-class",
        "a region has no class; choose one in Label Studio, or remove it",
    ),
    (
        {**POINTS, "polygonlabels": ["cat", "dog"]},
        "several-classes",
        "a region has the classes cat, dog, but a pixel has one; choose one of them",
    ),
    (
        {**POINTS, "polygonlabels": ["cat;dog"]},
        "bad-class-name",
        "'cat;dog' cannot be the name of a class here: a name is a text other than '?', "
        "without ; , and control characters; rename the class and export anew",
    ),
    (
        {"labels": ["cat"], "start": 1},
        "unread-shape",
        "the region of 'cat' is none of brush, polygon, rectangle, ellipse and key point; draw it "
        "with one of them",
    ),
    (
        {"rle": [0, 0, 0, 0, 300], "brushlabels": ["cat"]},
        "bad-shape",
        "the brush of 'cat' is no list of bytes, or cut short; export it anew",
    ),
    (
        {"rle": "AAAA", "brushlabels": ["background"]},
        "bad-shape",
        "the brush of background is no list of bytes, or cut short; export it anew",
    ),
    (
        {"rle": encode_brush(np.ones((5, 7), np.bool_)), "brushlabels": ["cat"]},
        "bad-shape",
        "the brush of 'cat' stands for 140 values, but 53 x 37 pixels have 7844; draw it anew, or "
        "remove it",
    ),
    (
        {"rle": [0, 0, 30, 164], "brushlabels": ["cat"]},
        "bad-shape",
        "the brush of 'cat' is no list of bytes, or cut short; export it anew",
    ),
    (
        {"points": [[1, 1], [2, 1, 3]], "polygonlabels": ["cat"]},
        "bad-shape",
        "the polygon of 'cat' is no list of points; draw it anew",
    ),
    (
        {"points": [[1, 1], [2, 1]], "polygonlabels": ["cat"]},
        "bad-shape",
        "the polygon of 'cat' is not finished (2 points); close it, or remove it",
    ),
    (
        {**POINTS, "closed": False, "polygonlabels": ["cat"]},
        "bad-shape",
        "the polygon of 'cat' is not finished (3 points); close it, or remove it",
    ),
    (
        {"points": [[1, 1], [2, 1], ["3", 1]], "polygonlabels": ["cat"]},
        "bad-shape",
        "'3' is no number; draw the shape anew",
    ),
    (
        {**BOX, "width": 0, "rectanglelabels": ["cat"]},
        "bad-shape",
        "the rectangle of 'cat' has no area; draw it anew, or remove it",
    ),
    (
        {"x": 1, "y": 1, "radiusX": 3, "radiusY": -1, "ellipselabels": ["cat"]},
        "bad-shape",
        "the ellipse of 'cat' has no area; draw it anew, or remove it",
    ),
    (
        {**BOX, "x": 1e6, "width": 1e7, "rectanglelabels": ["cat"]},
        "bad-shape",
        "10000000.0 is no place in an image; draw the shape anew, or remove it",
    ),
    (
        {"y": 1, "width": 3, "keypointlabels": ["cat"]},
        "bad-shape",
        "None is no number; draw the shape anew",
    ),
]


@pytest.mark.parametrize(("value", "code", "message"), BAD)
def test_a_region_that_is_none_is_refused(value: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(ImageRefusedError, match=f"^{re.escape(message)}$") as refused:
        region(value, SIZE)
    assert refused.value.code == code


@pytest.mark.parametrize(("width", "height"), [(None, 37), (53, None), (53.5, 37), ("53", 37)])
def test_a_region_without_a_size_is_refused(width: object, height: object) -> None:
    message = (
        "a region lacks original_width or original_height, without which percentages are no "
        "pixels; open the task in Label Studio, update it, and export anew"
    )
    with pytest.raises(ImageRefusedError, match=f"^{re.escape(message)}$") as refused:
        region_size(width, height)
    assert refused.value.code == "no-size"
    assert region_size(53, 37) == SIZE
