"""Areas and pre-labels for the tests of the formats."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.masks import write_mask
from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.classes import ClassList
from tests.annotations.folders import image

SIZE = (37, 53)
CLASSES = ClassList(("cat", "dog & <cow>", "ant"))

RING = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 0, 0, 1, 1, 0],
        [0, 1, 1, 1, 0, 1, 0],
        [0, 1, 1, 1, 1, 1, 1],
    ],
    bool,
)
"""Two holes that touch at a corner, which makes them one outline."""


def noise(seed: int, size: tuple[int, int] = SIZE, *, share: float = 0.5) -> NDArray[np.bool_]:
    """Return pixels that are on at random, each by itself."""
    return np.random.default_rng(seed).random(size) < share


def blobs(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Return an area of several parts with holes, and islands in them."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    rng = np.random.default_rng(seed)
    waves = np.zeros(size)
    for _ in range(6):
        down, across, shift = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), rng.uniform(0, 6)
        waves += np.sin(down * rows + across * columns + shift)
    return waves > 0.3


def label_map(seed: int, size: tuple[int, int] = SIZE, *, ids: Sequence[int]) -> NDArray[np.uint8]:
    """Return pixels of the ids, in patches."""
    drawn = np.zeros(size, np.uint8)
    for place, value in enumerate(ids):
        drawn[blobs(seed + place, size)] = value
    return drawn


def pre_label(
    root: Path,
    name: str,
    mask: NDArray[np.uint8],
    *,
    number: int = 1,
    tags: tuple[str, ...] | None = ("cat",),
    of_class: Mapping[str, float] | None = None,
    suffix: str = ".png",
) -> PreLabel:
    """Write an image and its mask; return them as a pre-label."""
    place = root / "masks" / f"{name}.png"
    write_mask(place, mask)
    height, width = mask.shape
    return PreLabel(
        number=number,
        name=name,
        image=image(root / "images" / f"{name}{suffix}", (height, width)),
        listed=f"{name}{suffix}",
        inside=f"images/{name}{suffix}",
        size=(height, width),
        mask=place,
        tags=tags,
        confidence=0.75,
        of_class={"background": 0.875, "cat": 0.5} if of_class is None else of_class,
    )


def three(root: Path) -> list[PreLabel]:
    """Return three pre-labels; the first has open pixels, the last is all background."""
    first = label_map(1, ids=(1, 2, 3))
    first[3:9, 4:20] = 255
    return [
        pre_label(root, "a", first, number=2, tags=("cat", "ant")),
        pre_label(root, "sub/b & 'c'", label_map(5, (21, 8), ids=(2,)), number=3),
        pre_label(root, "d", np.zeros((4, 6), np.uint8), number=7, tags=None, suffix=".jpg"),
    ]


def flood(area: NDArray[np.bool_]) -> list[set[tuple[int, int]]]:
    """Return the pixels of each part of an area that hangs together by sides, in their order."""
    left = {(int(row), int(column)) for row, column in np.argwhere(area)}
    parts = []
    for start in sorted(left):
        if start not in left:
            continue
        part, edge = set(), [start]
        left.remove(start)
        while edge:
            row, column = edge.pop()
            part.add((row, column))
            for near in (
                (row - 1, column),
                (row + 1, column),
                (row, column - 1),
                (row, column + 1),
            ):
                if near in left:
                    left.remove(near)
                    edge.append(near)
        parts.append(part)
    return parts


def filled(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill a polygon of (x, y) corners: the pixels from whose middle a ray crosses it oddly."""
    inside = np.zeros(size, bool)
    sides = list(zip(points, [*points[1:], points[0]], strict=True))
    for row in range(size[0]):
        for column in range(size[1]):
            x, y = column + 0.5, row + 0.5
            crossings = 0
            for (x1, y1), (x2, y2) in sides:
                if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
                    crossings += 1
            inside[row, column] = crossings % 2 == 1
    return inside
