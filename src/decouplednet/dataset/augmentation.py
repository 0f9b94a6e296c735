"""How one training image becomes many; every choice comes from the generator that is given."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import IGNORE
from decouplednet.dataset.view import Box, View, placed_size
from decouplednet.stage_settings import AugmentationSettings

TIGHTEST_MARGIN = 0.05  # of the foreground's height or width, on each of its sides
SMALLEST_WINDOW = 0.25  # of the image's height and width; less would magnify beyond use
NARROWEST = 0.5  # short side of a window over its long side, where the image has room for it
LARGE = 0.7  # share of the image's height and width from which foreground counts as large
PART_SHARE = 0.5  # of the windows on large foreground that show a part of it
SMALLEST_PART = 0.6  # of the large foreground's height and width
WARP = 350 / 320  # PAPER.md, facts of the original release

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def choose_labels(present: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """Return a non-empty subset of the labels of an image; every one is equally likely.

    Args:
        present: ids of the classes in the image's mask.
        rng: source of the choice.

    Raises:
        ValueError: no label is present.

    Source: PAPER.md, combinatorial cropping.
    """
    if not present:
        raise ValueError("an image without labels has no subset of them")
    while True:
        taken = rng.integers(0, 2, len(present), dtype=bool)
        if taken.any():
            return tuple(label for label, chosen in zip(present, taken, strict=True) if chosen)


def union_mask(mask: NDArray[np.uint8], labels: Collection[int]) -> NDArray[np.uint8]:
    """Return the mask of a set of classes together.

    Args:
        mask: ids, of any shape.
        labels: the classes of the set, neither 0 nor 255.

    Returns:
        uint8 of the same shape: 1 one of the classes, 255 ignored, 0 everything else.
    """
    roles = np.zeros(256, np.uint8)
    roles[list(labels)] = 1
    roles[IGNORE] = IGNORE
    return roles[mask]


def choose_window(union: NDArray[np.uint8], rng: np.random.Generator) -> Box:
    """Return a window on the foreground, from tight around it to nearly the whole image.

    The window holds all of the foreground, off its centre more often than not; on foreground that
    nearly fills the image, half of the windows show a large part of it instead.

    Args:
        union: (H, W) uint8: 1 foreground.
        rng: source of the choice.

    Returns:
        A window inside the image with an aspect of its own, at most twice as long as short where
        the image has room, and at least a quarter of the image high and wide (unless it shows a
        part of the foreground).

    Raises:
        ValueError: no pixel is foreground.

    Source:
        PAPER.md, combinatorial cropping. Differs: windows are drawn around the foreground, not
        taken from object proposals.
    """
    foreground = union == 1
    height, width = union.shape
    box = _foreground_box(foreground)
    is_large = box.bottom - box.top > LARGE * height and box.right - box.left > LARGE * width
    if is_large and rng.random() < PART_SHARE:
        part = _choose_part(box, rng)
        if _holds_half(foreground, part):
            return _broaden(part, union.shape, rng)
    reach = rng.random()
    left, right = _widen(box.left, box.right, width, reach, rng)
    top, bottom = _widen(box.top, box.bottom, height, reach, rng)
    return _broaden(Box(left, top, right, bottom), union.shape, rng)


def choose_view(
    window: Box, *, side: int, settings: AugmentationSettings, rng: np.random.Generator
) -> View:
    """Return a view of a window with its aspect kept, at a random scale, mirrored or not.

    Args:
        window: part of the image that is seen.
        side: of the frame; the long side of the content is at most this.
        settings: the smallest scale, and whether to mirror.
        rng: source of the choice.
    """
    scale = rng.uniform(settings.smallest_scale, 1.0)
    placed = placed_size(
        window.bottom - window.top,
        window.right - window.left,
        long_side=max(1, round(scale * side)),
    )
    return View(window, placed, mirrored=_flips(settings, rng))


def choose_warped_view(
    window: Box, *, side: int, settings: AugmentationSettings, rng: np.random.Generator
) -> View:
    """Return a view that fills the frame: the window warped to 350/320 of it, then cut.

    Args:
        window: part of the image that is warped to a square.
        side: of the frame, cut from that square at a random place.
        settings: whether to mirror; the scale is fixed.
        rng: source of the choice.

    Source: PAPER.md, facts of the original release (input).
    """
    warped = round(side * WARP)
    row, column = rng.integers(0, warped - side + 1, 2)
    across = (window.right - window.left) / warped
    down = (window.bottom - window.top) / warped
    cut = Box(
        window.left + column * across,
        window.top + row * down,
        min(window.left + (column + side) * across, window.right),
        min(window.top + (row + side) * down, window.bottom),
    )
    return View(cut, (side, side), mirrored=_flips(settings, rng))


def jitter_colour(
    image: NDArray[np.uint8], amount: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return an image with its brightness, contrast and saturation changed.

    Args:
        image: (H, W, 3) RGB.
        amount: each of the three is multiplied by a factor in [1 - amount, 1 + amount].
        rng: source of the factors; none is drawn where ``amount`` is 0.

    Returns:
        (H, W, 3) uint8, clipped to 0..255.
    """
    if amount == 0:
        return image
    brightness, contrast, saturation = rng.uniform(1 - amount, 1 + amount, 3)
    return change_colour(image, brightness, contrast, saturation)


def change_colour(
    image: NDArray[np.uint8], brightness: float, contrast: float, saturation: float
) -> NDArray[np.uint8]:
    """Return an image whose brightness, then contrast, then saturation are multiplied.

    Contrast counts from the image's mean grey, saturation from each pixel's grey, which is 0.299
    R + 0.587 G + 0.114 B (ITU-R BT.601). Rounded and clipped to 0..255 once, at the end.

    Args:
        image: (H, W, 3) RGB.
        brightness: factor of all levels.
        contrast: factor of the distance from the mean grey of the brightened image.
        saturation: factor of the distance from each pixel's grey.
    """
    # All three steps are linear in the levels, so they are one product of matrices.
    levels = image.astype(np.float32)
    mean_grey = brightness * float((levels @ _LUMA).mean())
    mixing = saturation * np.eye(3) + (1 - saturation) * np.outer(_LUMA, np.ones(3))
    levels = levels @ (brightness * contrast * mixing).astype(np.float32)
    levels += np.float32((1 - contrast) * mean_grey + 0.5)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def _flips(settings: AugmentationSettings, rng: np.random.Generator) -> bool:
    return settings.flip and bool(rng.random() < 0.5)


def _foreground_box(foreground: NDArray[np.bool_]) -> Box:
    rows = np.flatnonzero(foreground.any(axis=1))
    columns = np.flatnonzero(foreground.any(axis=0))
    if not rows.size:
        raise ValueError("a mask without foreground has no window around it")
    return Box(float(columns[0]), float(rows[0]), float(columns[-1]) + 1.0, float(rows[-1]) + 1.0)


def _choose_part(box: Box, rng: np.random.Generator) -> Box:
    """Return a random large part of a box."""
    height, width = rng.uniform(SMALLEST_PART, 1, 2) * (box.bottom - box.top, box.right - box.left)
    top = rng.uniform(box.top, box.bottom - height)
    left = rng.uniform(box.left, box.right - width)
    return Box(left, top, min(left + width, box.right), min(top + height, box.bottom))


def _holds_half(foreground: NDArray[np.bool_], window: Box) -> bool:
    left, top, right, bottom = (round(edge) for edge in window)
    return bool(2 * foreground[top:bottom, left:right].sum() >= foreground.sum())


def _widen(
    low: float, high: float, length: int, reach: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return an interval around low to high, inside 0 to ``length``, with random margins.

    Args:
        low: first edge of the foreground.
        high: second edge.
        length: of the image on this axis.
        reach: largest margin as share of the room that the image leaves.
        rng: source of the margins.
    """
    tightest = TIGHTEST_MARGIN * (high - low)
    before, after = reach * rng.random(2) * (low, length - high)
    low = max(0.0, low - max(tightest, before))
    high = min(float(length), high + max(tightest, after))
    return _grow(low, high, SMALLEST_WINDOW * length, length, rng)


def _broaden(window: Box, size: tuple[int, ...], rng: np.random.Generator) -> Box:
    """Return a window grown on its short side, within the image, until it is not too narrow."""
    height, width = size
    left, top, right, bottom = window
    tallest = min(float(height), NARROWEST * (right - left))
    widest = min(float(width), NARROWEST * (bottom - top))
    left, right = _grow(left, right, widest, width, rng)
    top, bottom = _grow(top, bottom, tallest, height, rng)
    return Box(left, top, right, bottom)


def _grow(
    low: float, high: float, least: float, length: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return an interval that holds low to high and is at least ``least`` long, within ``length``.

    Where it must grow, every place that fits is equally likely.
    """
    if high - low >= least:
        return low, high
    grown = rng.uniform(max(0.0, high - least), min(low, length - least))
    return grown, min(max(high, grown + least), float(length))
