"""Objects of drawn masks, pasted onto images that lack their class."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from decouplednet.classes import BACKGROUND, IGNORE
from decouplednet.dataset.view import Box, View, cut_image, cut_mask

BORDER = 0.02  # of the long side: how far an ignored border reaches from its object
SIZES = 0.5, 1.5  # of an object, times its share of its own image
SMALLEST, LARGEST = 0.1, 0.9  # share of the host's height or width that an object may take


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """An image that windows are cut from, and what is known of it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8 id of the class of each pixel, 0 background, 255 not known.
        regions: (H, W) uint8 as ``mask``, but 0 also where no more is known than that the pixel
            is of none of ``labels``.
        labels: the ids that may be asked for, in order, all of them in ``regions``.
        tags: (L,) float32: 1 a class on the image, 0 one that is not.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    labels: tuple[int, ...]
    tags: Tensor


def tagged_scene(image: NDArray[np.uint8], tags: Tensor) -> Scene:
    """Return the scene of an image of which only the tags are known.

    Its tags say of no pixel which class it is, unless they say that there is none; and of every
    pixel that it is of no class which they do not name.

    Args:
        image: (H, W, 3) uint8 RGB.
        tags: (L,) float32: 1 or 0.
    """
    nowhere = np.full(image.shape[:2], BACKGROUND, np.uint8)
    mask = np.full_like(nowhere, IGNORE) if bool(tags.any()) else nowhere
    return Scene(image, mask, nowhere, (), tags)


class PastedObject(NamedTuple):
    """What is pasted, in its own image.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        part: (H, W) uint8: 1 the object, 255 its border of ignored pixels, 0 what stays behind.
        label: id of its class.
    """

    image: NDArray[np.uint8]
    part: NDArray[np.uint8]
    label: int


def object_part(body: NDArray[np.bool_], ignored: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the pixels of a class and the ignored border around them.

    Args:
        body: (H, W) the pixels of the class, at least one.
        ignored: (H, W) the pixels that its mask ignores.

    Returns:
        (H, W) uint8: 1 the class; 255 the ignored pixels that are reached from it in at most
        ``BORDER`` of the long side steps, each to one of eight neighbours that is ignored too;
        0 all else.
    """
    reach = math.ceil(BORDER * max(body.shape))
    top, left, bottom, right = _bounds(body)
    near = (
        slice(max(0, top - reach), bottom + reach),
        slice(max(0, left - reach), right + reach),
    )
    inside, grown = ignored[near], body[near]
    for _ in range(reach):
        grown = grown | (_with_neighbours(grown) & inside)
    part = np.zeros(body.shape, np.uint8)
    part[near][grown] = IGNORE
    part[body] = 1
    return part


def paste(
    pasted: PastedObject, host: Scene, *, flip: bool, rng: np.random.Generator
) -> Scene | None:
    """Return a scene with an object in front of all that it has.

    The object is as large in the host as in its own image, half as large to half again as large,
    and lies anywhere inside.

    Args:
        pasted: the object; the host's tags say that its class is not there.
        host: what it is pasted onto; unchanged.
        flip: whether half of the objects are mirrored left to right.
        rng: source of size, place and mirroring.

    Returns:
        The new scene: image and masks are the object's where it lies and the host's elsewhere,
        255 on its border. None where the object is so small that no pixel is left of it.

    Source:
        Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance
        Segmentation", CVPR 2021. Differs: classes, not instances; the host lacks the class.
    """
    view = _choose_view(pasted.part, host.mask.shape, flip, rng)
    height, width = view.placed
    top = int(rng.integers(0, host.mask.shape[0] - height + 1))
    left = int(rng.integers(0, host.mask.shape[1] - width + 1))
    where = slice(top, top + height), slice(left, left + width)
    part = cut_mask(pasted.part, view)
    if not (part == 1).any():
        return None
    image = host.image.copy()
    image[where][part != 0] = cut_image(pasted.image, view)[part != 0]
    regions = _over(host.regions, where, part, pasted.label)
    same = host.mask is host.regions
    mask = regions if same else _over(host.mask, where, part, pasted.label)
    tags = host.tags.clone()
    tags[pasted.label - 1] = 1.0
    seen = set(np.flatnonzero(np.bincount(regions.ravel())).tolist())
    labels = tuple(label for label in sorted({*host.labels, pasted.label}) if label in seen)
    return replace(host, image=image, mask=mask, regions=regions, labels=labels, tags=tags)


def _choose_view(
    part: NDArray[np.uint8], host: tuple[int, ...], flip: bool, rng: np.random.Generator
) -> View:
    """Return the object's bounding box, and the size that it gets in a host of (H, W)."""
    top, left, bottom, right = _bounds(part != 0)
    height, width = bottom - top, right - left
    share = max(height / part.shape[0], width / part.shape[1])
    wanted = float(np.clip(share * rng.uniform(*SIZES), SMALLEST, LARGEST))
    scale = wanted / max(height / host[0], width / host[1])
    placed = tuple(
        min(most, max(1, round(scale * length)))
        for length, most in ((height, host[0]), (width, host[1]))
    )
    mirrored = flip and bool(rng.random() < 0.5)
    window = Box(float(left), float(top), float(right), float(bottom))
    return View(window, (placed[0], placed[1]), mirrored=mirrored)


def _over(
    mask: NDArray[np.uint8], where: tuple[slice, slice], part: NDArray[np.uint8], label: int
) -> NDArray[np.uint8]:
    """Return a mask in which an object lies over what was there."""
    over = mask.copy()
    over[where][part == 1] = label
    over[where][part == IGNORE] = IGNORE
    return over


def _bounds(area: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the first row and column of an area, and those after its last."""
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _with_neighbours(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the (H, W) pixels of an area and the eight neighbours of each."""
    tall = area.copy()
    tall[1:] |= area[:-1]
    tall[:-1] |= area[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide
