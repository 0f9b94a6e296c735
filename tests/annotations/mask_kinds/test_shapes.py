import base64
import io
import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from decouplednet.annotations.mask_kinds import shapes
from decouplednet.annotations.mask_kinds.shape_outlines import INNER
from decouplednet.annotations.mask_kinds.shape_runs import compressed_counts
from decouplednet.annotations.writers.brush import encode_brush
from tests.annotations import folders
from tests.annotations.mask_kinds.drawings import CLASSES, SIZE, cat, content, drawn, png_text

# pycocotools' decode, which only the tests use, knows nothing of NumPy 2 yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def blobs(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Return a random mask of coherent pieces."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((-(-size[0] // 4), -(-size[1] // 4))) < 0.4
    return np.kron(coarse, np.ones((4, 4), np.bool_))[: size[0], : size[1]] ^ (
        rng.random(size) < 0.03
    )


def run_lengths(flat: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of runs, unset ones first, counted one by one."""
    counts, value = [0], False
    for pixel in flat.tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def test_no_shape_leaves_the_rest(tmp_path: Path) -> None:
    assert (drawn() == 0).all()
    assert (drawn(rest=255) == 255).all()
    assert drawn().shape == SIZE


def test_later_shapes_lie_on_top_and_names_become_ids() -> None:
    boxes = [
        ("cat", [0, 0, 20, 0, 20, 20, 0, 20]),
        ("dog", [5, 5, 25, 5, 25, 25, 5, 25]),
        (None, [10, 10, 30, 10, 30, 30, 10, 30]),
        ("", [15, 15, 17, 15, 17, 17, 15, 17]),
        ("whale", [40, 0, 44, 0, 44, 4, 40, 4]),
    ]

    mask = drawn(*({"class": name, "polygons": [flat]} for name, flat in boxes))

    expected = np.zeros(SIZE, np.uint8)
    expected[0:20, 0:20], expected[5:25, 5:25], expected[10:30, 10:30] = 1, 2, 255
    expected[15:17, 15:17] = 0
    expected[0:4, 40:44] = 255  # no class of the data set
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("seed", range(8))
def test_polygons_are_drawn_as_coco_s_own_tools_do(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    polygons = [
        [round(rng.uniform(-6, side + 6), 2) for _ in range(rng.randrange(3, 9)) for side in SIZE]
        for _ in range(2)
    ]
    reference = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *SIZE)))

    assert np.array_equal(drawn(cat(polygons=polygons)), reference)


def test_a_polygon_of_whole_corners_holds_the_pixels_between_them() -> None:
    corners = [(4, 3), (30, 3), (30, 12), (18, 12), (18, 30), (4, 30)]

    mask = drawn(cat(polygons=[[number for corner in corners for number in corner]]))

    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            inside = 3 <= row < 30 and 4 <= column < (30 if row < 12 else 18)
            assert mask[row, column] == inside, (row, column)


def test_polygons_and_points_may_be_in_shares_of_the_size() -> None:
    flat = [4, 3, 30, 3, 30, 12, 4, 12]
    shares = [number / SIZE[1 - place % 2] for place, number in enumerate(flat)]
    mask = drawn(
        cat(polygons=[shares]),
        {"class": "dog", "point": [40.5 / SIZE[1], 20.5 / SIZE[0]]},
        normalised=True,
    )

    assert np.array_equal(mask == 1, drawn(cat(polygons=[flat])) == 1)
    assert np.argwhere(mask == 2).tolist() == [[20, 40]]


def test_without_a_size_that_of_the_image_counts(tmp_path: Path) -> None:
    image = folders.image(tmp_path / "a.png", (11, 13))

    mask = shapes.read(content(cat(point=[2, 3]), size=None), image, CLASSES)

    assert mask.shape == (11, 13)


def test_the_size_that_was_drawn_at_is_kept_whatever_the_image_s(tmp_path: Path) -> None:
    image = folders.image(tmp_path / "a.png", (11, 13))

    assert shapes.read(content(), image, CLASSES).shape == SIZE


@pytest.mark.parametrize("seed", range(6))
def test_run_lengths_of_coco_come_back_pixel_by_pixel(seed: int) -> None:
    shape = blobs(seed)
    if seed == 4:
        shape[:] = True
    if seed == 5:
        shape[:] = False
    text = coco_mask.encode(np.asfortranarray(shape.astype(np.uint8)))["counts"].decode()
    plain = run_lengths(shape.T.ravel())

    for counts in (plain, text):
        mask = drawn(cat(rle={"size": list(SIZE), "counts": counts}), rest=255)
        assert np.array_equal(mask, np.where(shape, 1, 255))
    assert compressed_counts(text).tolist() == plain


def test_compressed_counts_of_large_pictures_hold_large_and_negative_numbers() -> None:
    for counts in ([0, 1, 70_000, 3, 16, 40_000, 15, 1], [10**8, 5], [31, 32, 33, 1, 1, 1]):
        text = coco_mask.frPyObjects({"size": [1, sum(counts)], "counts": counts}, 1, sum(counts))

        assert compressed_counts(text["counts"].decode()).tolist() == counts


def test_runs_of_rows_in_a_box_come_back_pixel_by_pixel() -> None:
    shape = blobs(3, (11, 17))
    runs = [5, 7, 17, 11, run_lengths(shape.ravel())]

    mask = drawn(cat(runs=runs))

    expected = np.zeros(SIZE, np.uint8)
    expected[7:18, 5:22] = shape
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(("left", "top"), [(-4, -5), (45, 30), (-30, 0), (0, 60)])
def test_what_lies_outside_of_the_picture_does_not_count(left: int, top: int) -> None:
    shape = blobs(3, (11, 17))
    runs = [left, float(top), 17, 11, run_lengths(shape.ravel())]

    mask = drawn(cat(runs=runs))

    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            y, x = row - top, column - left
            inside = 0 <= y < 11 and 0 <= x < 17
            assert mask[row, column] == (inside and bool(shape[y, x])), (row, column)


def test_brushes_of_label_studio_come_back_pixel_by_pixel() -> None:
    shape = blobs(7)

    assert np.array_equal(drawn(cat(brush=encode_brush(shape))), shape)


@pytest.mark.parametrize("kind", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_small_pngs_come_back_pixel_by_pixel(kind: str) -> None:
    shape = blobs(9, (11, 17))
    levels = shape.astype(np.uint8) * 3
    pixels: NDArray[Any] = {
        "1": shape,
        "I;16": shape.astype(np.uint16) * 256,
        "RGB": np.stack([levels * 0, levels, levels * 0], 2),
        "RGBA": np.stack([levels * 0 + 9, levels * 0, levels * 0, levels], 2),
        "LA": np.stack([levels * 0 + 9, levels], 2),
    }.get(kind, levels)
    image = Image.fromarray(pixels, "P") if kind == "P" else None
    if image is not None:
        image.putpalette(list(range(256)) * 3)
        stream = io.BytesIO()
        image.save(stream, "PNG")
        text = base64.b64encode(stream.getvalue()).decode()
    else:
        text = png_text(pixels)

    mask = drawn(cat(png=[5, 7, text]))

    expected = np.zeros(SIZE, np.uint8)
    expected[7:18, 5:22] = shape
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(
    "box", [[4, 5, 20, 11], [4.5, 5.25, 20.5, 11.75], [-10, -7, 30, 20], [10, 10, 1, 2]]
)
def test_of_a_box_the_inner_fifth_is_the_class_and_all_else_is_ignored(box: list[float]) -> None:
    left, top = max(0.0, box[0]), max(0.0, box[1])
    right, bottom = box[0] + box[2], box[1] + box[3]
    share = math.sqrt(INNER)

    mask = drawn(cat(box=box))

    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            y = abs(row + 0.5 - (top + bottom) / 2) <= (bottom - top) / 2 * share
            x = abs(column + 0.5 - (left + right) / 2) <= (right - left) / 2 * share
            touched = left < column + 1 and column < right and top < row + 1 and row < bottom
            if box[2] > 1:
                assert mask[row, column] == (1 if x and y else 255 if touched else 0)
    assert 1 in mask
    if box[2] > 10:
        inner = int((mask == 1).sum()) / ((right - left) * (bottom - top))
        assert inner == pytest.approx(0.2, abs=0.06)


def test_a_box_over_the_edge_is_the_part_of_it_in_the_picture() -> None:
    inside = drawn(cat(box=[40, 30, 13, 7]))

    assert np.array_equal(drawn(cat(box=[40, 30, 999, 50])), inside)


def test_a_box_of_an_ignored_class_is_ignored_as_a_whole() -> None:
    mask = drawn({"class": None, "box": [4, 5, 20, 11]})

    assert (mask[5:16, 4:24] == 255).all()
    assert (mask == 255).sum() == 220


@pytest.mark.parametrize(
    ("point", "pixel"),
    [((0, 0), (0, 0)), ((7.9, 3.2), (3, 7)), ((53, 37), (36, 52)), ((-0.4, 20), (20, 0))],
)
def test_a_point_is_one_pixel(point: tuple[float, float], pixel: tuple[int, int]) -> None:
    mask = drawn(cat(point=list(point)), rest=255)

    assert np.argwhere(mask == 1).tolist() == [list(pixel)]


@pytest.mark.parametrize(
    "line",
    [
        [5, 5, 40, 5],
        [5.3, 30.1, 45.8, 2.2, 50, 33],
        [10, 10],
        [10, 10, 10, 10],
        [-20, 40, 70, -10],
        [26, -37, 26, 74],
    ],
)
def test_a_stroke_is_every_pixel_whose_centre_is_near_the_line(line: list[float]) -> None:
    points = list(zip(line[::2], line[1::2], strict=True))
    pairs = list(pairwise(points)) or [(points[0], points[0])]

    mask = drawn(cat(line=line), rest=255)

    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            apart = min(distance(column + 0.5, row + 0.5, *start, *end) for start, end in pairs)
            if abs(apart - 1.5) > 1e-9:
                assert mask[row, column] == (1 if apart < 1.5 else 255), (row, column)


def distance(x: float, y: float, x0: float, y0: float, x1: float, y1: float) -> float:
    """Return how far a point is from a line between two others."""
    length = math.hypot(x1 - x0, y1 - y0)
    if not length:
        return math.hypot(x - x0, y - y0)
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length
    across = ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length
    over = max(0.0, along - length, -along)
    return math.hypot(across, over)
