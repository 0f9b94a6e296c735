import math
import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.formats.cvat_shapes import ShapeError, shape_parts


def element(text: str) -> Element:
    return ElementTree.fromstring(text)  # noqa: S314 - of this file


def points_of(part: dict[str, object]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    polygons = part["polygons"]
    assert isinstance(polygons, list)
    (polygon,) = polygons
    return np.array(polygon).reshape(-1, 2)


def area(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    """Return the area of a polygon by Gauss's formula, positive if it turns clockwise as shown."""
    x, y = points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            '<polygon label="cat" points="1.50,2.00;30.25,4.00;7,33"/>',
            [{"polygons": [[1.5, 2.0, 30.25, 4.0, 7.0, 33.0]]}],
        ),
        ('<polyline points="1,2;3,4;5.5,6"/>', [{"line": [1.0, 2.0, 3.0, 4.0, 5.5, 6.0]}]),
        ('<points points="1,2;3,4"/>', [{"point": [1.0, 2.0]}, {"point": [3.0, 4.0]}]),
        (
            '<box xtl="3.5" ytl="4" xbr="13.5" ybr="24" rotation="360.0"/>',
            [{"box": [3.5, 4.0, 10.0, 20.0]}],
        ),
        ('<box xtl="13.5" ytl="24" xbr="3.5" ybr="4"/>', [{"box": [3.5, 4.0, 10.0, 20.0]}]),
        (
            '<mask rle="1, 2, 3" left="4" top="5" width="3" height="2"/>',
            [{"runs": [4, 5, 3, 2, [1, 2, 3]]}],
        ),
    ],
)
def test_every_shape_is_a_part(text: str, parts: list[dict[str, object]]) -> None:
    for name in ("cat", "", None):
        expected = [{"class": name, **part} for part in parts]
        assert shape_parts(element(text), name) == expected


def test_a_turned_box_is_unknown_around_a_fifth_of_its_area() -> None:
    text = '<box xtl="10" ytl="20" xbr="30" ybr="26" rotation="30.0"/>'

    whole, inner = shape_parts(element(text), "cat")

    assert (whole["class"], inner["class"]) == (None, "cat")
    assert area(points_of(whole)) == pytest.approx(120, abs=0.05)
    assert area(points_of(inner)) == pytest.approx(0.2 * 120, abs=0.05)
    for part in (whole, inner):
        np.testing.assert_allclose(points_of(part).mean(0), (20, 23), atol=0.001)
    # The right end of the long side goes down, as a clock's hand does from three to four.
    corners = points_of(whole) - (20, 23)
    right = corners[corners[:, 0] > 0].mean(0)
    np.testing.assert_allclose(right, 10 * np.array([math.cos(math.pi / 6), 0.5]), atol=0.002)


def test_a_box_turned_by_a_quarter_stands_upright() -> None:
    text = '<box xtl="10" ytl="20" xbr="30" ybr="26" rotation="90"/>'

    whole, _ = shape_parts(element(text), "cat")

    found = {(round(x, 2), round(y, 2)) for x, y in points_of(whole)}
    assert found == {(17.0, 13.0), (23.0, 13.0), (23.0, 33.0), (17.0, 33.0)}


@pytest.mark.parametrize("angle", [0, 25, 300])
@pytest.mark.parametrize(("across", "down"), [(3, 7.5), (120, 40)])
def test_an_ellipse_is_within_a_twentieth_of_a_pixel(
    angle: float, across: float, down: float
) -> None:
    text = f'<ellipse cx="50" cy="60" rx="{across}" ry="{down}" rotation="{angle}"/>'

    (part,) = shape_parts(element(text), "cat")

    # Turned back, every corner lies on the curve, and the middle of every side close to it.
    corners = points_of(part)
    sides = (corners + np.roll(corners, -1, 0)) / 2
    turn = complex(math.cos(math.radians(angle)), -math.sin(math.radians(angle)))
    for points, inside in ((corners, 0.002), (sides, 0.06)):
        back = ((points - (50, 60)) @ np.array([1, 1j])) * turn
        radius = np.hypot(back.real / across, back.imag / down)
        assert radius.max() <= 1 + 0.002 / min(across, down)
        assert (1 - radius).max() * min(across, down) <= inside
    assert area(corners) == pytest.approx(math.pi * across * down, rel=0.02)


@pytest.mark.parametrize(("radius", "corners"), [(0.01, 4), (1, 12), (1e7, 1000)])
def test_ellipses_have_as_many_corners_as_they_need(radius: float, corners: int) -> None:
    text = f'<ellipse cx="0" cy="0" rx="{radius}" ry="{radius}"/>'

    (part,) = shape_parts(element(text), "cat")

    assert len(points_of(part)) == corners


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<polygon points="1,2;3,4"/>', "has 2 points, a polygon at least 3"),
        ('<polyline points="1,2"/>', "has 1 point, a line at least 2"),
        ("<polygon/>", "has no points"),
        ('<points points=""/>', "has the point '', which are not two numbers"),
        ('<points points="1,2,3"/>', "has the point '1,2,3', which are not two numbers"),
        ('<points points="1,x"/>', "has 'x' in its points, which is no place on an image"),
        ('<points points="1,nan"/>', "has 'nan' in its points, which is no place on an image"),
        ('<points points="1,1e9"/>', "has '1e9' in its points, which is no place on an image"),
        (
            f'<points points="{"9" * 50},1"/>',
            f"has '{'9' * 40}...' in its points, which is no place on an image",
        ),
        ('<box xtl="1" ytl="2" xbr="1" ybr="5"/>', "has no area"),
        ('<box xtl="1" ytl="2" xbr="1"/>', "has no ybr"),
        (
            '<box xtl="1" ytl="2" xbr="9" ybr="5" rotation="inf"/>',
            "has 'inf' in its rotation, which is no place on an image",
        ),
        ('<ellipse cx="1" cy="2" rx="0" ry="5"/>', "has no area"),
        (
            '<mask rle="1,2" left="-1" top="5" width="3" height="2"/>',
            "has '-1' as its left, which is no whole number of pixels",
        ),
        (
            '<mask rle="1,2" left="1" top="5" width="3.5" height="2"/>',
            "has '3.5' as its width, which is no whole number of pixels",
        ),
        ('<mask rle="1,2" left="1" top="5" width="0" height="2"/>', "is 0 x 2 pixels"),
        (
            '<mask rle="1,2" left="1" top="5" width="9999999" height="9999999"/>',
            "is 9999999 x 9999999 pixels",
        ),
        (
            '<mask rle="1,2" left="1" top="5" width="3" height="2"/>',
            "has runs of 3 pixels in all, and is 3 x 2 pixels",
        ),
        (
            '<mask rle="7,-1" left="1" top="5" width="3" height="2"/>',
            "has '7,-1' as its rle, which are no numbers of pixels",
        ),
        (
            '<mask rle="" left="1" top="5" width="3" height="2"/>',
            "has '' as its rle, which are no numbers of pixels",
        ),
        (
            f'<mask rle="{"0," * 9}1" left="1" top="5" width="1" height="1"/>',
            "has runs of 1 pixels in all, and is 1 x 1 pixels",
        ),
    ],
)
def test_what_is_no_shape_is_refused(text: str, message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        shape_parts(element(text), "cat")


def test_a_mask_may_be_of_any_size_where_images_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    side = 2**24
    text = f'<mask rle="{side * side}" left="0" top="0" width="{side}" height="{side}"/>'

    (part,) = shape_parts(element(text), "cat")

    assert part["runs"][-1] == [side * side]
