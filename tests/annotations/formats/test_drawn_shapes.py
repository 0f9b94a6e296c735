import math
from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.formats.drawn_shapes import (
    Drawn,
    box,
    box_of,
    checked_size,
    classes_of,
    content_of,
    coordinate,
    ellipse,
    outline,
    spot,
    stroke,
)
from decouplednet.annotations.formats.refusals import ImageRefusedError
from tests.annotations.formats.pixels import drawn

SIZE = (37, 53)


def names(shape: Drawn) -> list[list[str]]:
    pixels: list[list[str]] = drawn(content_of(Path("a.json"), SIZE, [shape]), SIZE).tolist()
    return pixels


@pytest.mark.parametrize(
    ("radii", "turn"), [((11.3, 6.9), 0.0), ((13.0, 4.0), 33.0), ((5.0, 12.5), 211.0)]
)
def test_an_ellipse_covers_the_pixels_whose_middle_it_covers(
    radii: tuple[float, float], turn: float
) -> None:
    middle = (24.2, 18.7)
    angle = math.radians(turn)

    pixels = names(ellipse("cat", middle, radii, turn))

    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            right, down = column + 0.5 - middle[0], row + 0.5 - middle[1]
            along = right * math.cos(angle) + down * math.sin(angle)
            across = -right * math.sin(angle) + down * math.cos(angle)
            reach = math.hypot(along / radii[0], across / radii[1])
            if abs(reach - 1) * min(radii) > 0.06:  # else it passes within the allowed deviation
                assert (pixels[row][column] == "cat") == (reach < 1), (row, column)


def test_a_small_ellipse_has_few_corners_and_a_large_one_enough() -> None:
    small, large = (
        ellipse("cat", (0, 0), (radius, radius)).parts[0]["polygons"][0] for radius in (0.01, 5000)
    )

    assert len(small) == 2 * 16
    corners = np.array(large).reshape(-1, 2)
    middles = (corners + np.roll(corners, 1, axis=0)) / 2
    assert 5000 - np.hypot(*middles.T).min() <= 0.05
    assert np.hypot(*corners.T).max() == pytest.approx(5000, abs=1e-5)


@pytest.mark.parametrize("turn", [0.0, 90.0, -90.0, 180.0, 360.0])
def test_a_box_at_right_angles_stays_a_box(turn: float) -> None:
    (part,) = box("cat", (20, 18), (7, 4), turn).parts

    expected = {
        0.0: [20, 18, 7, 4],
        90.0: [16, 18, 4, 7],  # its upper left corner stays and becomes the upper right one
        -90.0: [20, 11, 4, 7],
        180.0: [13, 14, 7, 4],
        360.0: [20, 18, 7, 4],
    }
    assert part == {"class": "cat", "box": expected[turn]}


def test_of_a_turned_box_the_middle_is_the_class_and_the_rest_is_ignored() -> None:
    corner, size, turn = (21.0, 3.0), (24.0, 15.0), 30.0
    angle = math.radians(turn)

    shape = box("cat", corner, size, turn)

    pixels = names(shape)
    seen = {"": 0, "cat": 0, "ignored": 0}
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            right, down = column + 0.5 - corner[0], row + 0.5 - corner[1]
            along = right * math.cos(angle) + down * math.sin(angle)
            across = -right * math.sin(angle) + down * math.cos(angle)
            core = math.sqrt(0.2) / 2
            if abs(along / size[0] - 0.5) < core and abs(across / size[1] - 0.5) < core:
                assert pixels[row][column] == "cat"
            else:  # whatever no box covers is unknown, too
                assert pixels[row][column] == "ignored"
            seen[pixels[row][column]] += 1
    assert seen["cat"] == pytest.approx(0.2 * 24 * 15, abs=6)
    assert not shape.whole
    assert len(shape.parts) == 2


def test_four_corners_that_are_no_upright_box_are_a_turned_one() -> None:
    (around, core) = box_of("cat", [(10, 0), (20, 10), (10, 20), (0, 10)]).parts

    assert around == {"class": None, "polygons": [[10, 0, 20, 10, 10, 20, 0, 10]]}
    far = 10 * math.sqrt(0.2)
    np.testing.assert_allclose(
        core["polygons"][0], [10, 10 - far, 10 + far, 10, 10, 10 + far, 10 - far, 10], atol=1e-6
    )


def test_points_and_strokes_are_no_whole_shapes() -> None:
    point, line = spot("cat", (3.25, 4)), stroke(None, [(1, 2), (3, 4.5)])

    assert point == Drawn("cat", ({"class": "cat", "point": [3.25, 4]},), whole=False)
    assert line == Drawn(None, ({"class": None, "line": [1, 2, 3, 4.5]},), whole=False)


def test_outlines_leave_background_and_all_else_leaves_unknown_pixels() -> None:
    whole = outline("cat", [(1, 1), (9, 1), (9, 9)], [(20, 20), (30, 20), (30, 30)])
    file = Path("some.json")

    content = content_of(file, (9, 8), [whole])

    assert content.file == file
    assert content.details() == {
        "size": [9, 8],
        "rest": 0,
        "parts": [{"class": "cat", "polygons": [[1, 1, 9, 1, 9, 9], [20, 20, 30, 20, 30, 30]]}],
    }
    partly = content_of(file, None, [whole, spot("dog", (1, 1))]).details()
    assert (partly["size"], partly["rest"], len(partly["parts"])) == (None, 255, 2)


def test_background_and_ignored_shapes_name_no_class() -> None:
    shapes = [spot(name, (0, 0)) for name in ("cat", None, "", "dog", "cat")]

    assert classes_of(shapes) == {"cat", "dog"}


def test_whole_pixels_come_back_from_percentages() -> None:
    xs = [x / 53 * 100 * 53 / 100 for x in range(54)]
    assert xs != list(range(54))

    (part,) = outline("cat", [(x, 0) for x in xs]).parts

    assert part["polygons"][0][::2] == list(range(54))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("7", "'7' is no number; draw the shape anew"),
        (None, "None is no number; draw the shape anew"),
        (True, "True is no number; draw the shape anew"),
        (
            ["x" * 50],
            "['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... is no number; draw the shape anew",
        ),
        (math.nan, "nan is no place in an image; draw the shape anew, or remove it"),
        (-math.inf, "-inf is no place in an image; draw the shape anew, or remove it"),
        (10**400, f"1{'0' * 39}... is no place in an image; draw the shape anew, or remove it"),
        (1e6 + 1, "1000001.0 is no place in an image; draw the shape anew, or remove it"),
    ],
)
def test_what_is_no_coordinate_is_refused(value: object, message: str) -> None:
    with pytest.raises(ImageRefusedError) as refused:
        coordinate(value)
    assert (refused.value.code, str(refused.value)) == ("bad-shape", message)


def test_coordinates_are_numbers() -> None:
    assert [coordinate(one) for one in (7, -0.5, 1e6)] == [7.0, -0.5, 1e6]


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, -1), (10**5, 10**5)])
def test_a_size_that_no_image_has_is_refused(width: int, height: int) -> None:
    with pytest.raises(ImageRefusedError) as refused:
        checked_size(width, height)
    assert (refused.value.code, str(refused.value)) == (
        "no-size",
        f"it was drawn on {width} x {height} pixels, which is no size of an image that may be "
        "read; correct the file, or remove it",
    )
    assert checked_size(53, 37) == SIZE
