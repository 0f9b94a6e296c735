"""Masks: one class id per pixel, 0 background, 255 ignored; read, checked, translated, written."""

import io
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.findings import Finding, refuse
from decouplednet.annotations.mask_files import stored_pixels
from decouplednet.classes import BACKGROUND, IGNORE, ClassList, palette
from decouplednet.errors import DataError

MASK_SUFFIX = ".png"
_OUTLINE = 0.02  # VOC draws ignored outlines about 5 pixels wide on pictures of 500


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return the class ids of a mask file as they are stored; colours of a palette do not count.

    Returns:
        (H, W) uint8.

    Raises:
        DataError: the file is missing, cut short, of a format that may change ids, holds several
            pictures, is a colour picture, or holds ids over 255.
    """
    pixels = read_pixels(path)
    if pixels.ndim != 2:
        raise DataError(f"{path}: {_not_flat(pixels)}")
    return pixels


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Return what `read_mask` does, and a colour picture as (H, W, channels) for `mask_findings`.

    Raises:
        DataError: the file is missing, cut short, of a format that may change ids, holds several
            pictures, or ids over 255.
    """
    return stored_pixels(path)


def mask_findings(
    mask: NDArray[np.uint8],
    path: Path,
    image_size: tuple[int, int] | None,
    class_count: int,
    tags: frozenset[str] | None = None,
) -> tuple[Finding, ...]:
    """Return every way in which a mask does not fit its image or its class list.

    Args:
        mask: (H, W) class ids: 0 is background, 1 to ``class_count`` the classes, 255 ignored.
        path: where the mask came from, for the message.
        image_size: (H, W) of the image it belongs to, in pixels; None if that is not known.
        class_count: number of classes, background not counted.
        tags: what the image is tagged with; None if nobody said.
    """
    if mask.ndim != 2:
        return (_finding("colour-mask", path, _not_flat(mask)),)
    found = []
    if image_size is not None and mask.shape != image_size:
        found.append(_finding("mask-size", path, _other_size(mask.shape, image_size)))
    if looks_binary(mask, tags):
        found.append(_finding("binary-mask", path, _binary(class_count)))
    bad = (mask > class_count) & (mask != IGNORE)
    if bad.any():
        found.append(_finding("mask-id", path, _no_class(mask, bad, class_count)))
    return tuple(found)


def check_mask(
    mask: NDArray[np.uint8],
    path: Path,
    image_size: tuple[int, int],
    class_count: int,
    tags: frozenset[str] | None = None,
) -> None:
    """Refuse a mask that does not fit its image or its class list; arguments as `mask_findings`.

    Raises:
        DataError: it has more than one channel, another size than its image, an id that is
            neither background, a class, nor 255, or is a black-and-white mask (`looks_binary`).
    """
    refuse(mask_findings(mask, path, image_size, class_count, tags))


def looks_binary(mask: NDArray[np.uint8], tags: frozenset[str] | None) -> bool:
    """Tell whether 255 stands for an object here, as in a black-and-white mask, and not for ignore.

    The rule: the mask holds 255, else at most 0, and
    - the image is tagged with a class, of which the mask then shows nothing; or
    - its tags are unknown, and 255 fills a square of 2 % of the long side (at least 3 pixels), so
      it is no mere outline.
    An image that is tagged with *no* class, by an empty cell, may well have such a mask.

    Args:
        mask: (H, W) class ids.
        tags: what the image is tagged with; None if nobody said.
    """
    ignored = mask == IGNORE
    if not ignored.any() or (mask[~ignored] != BACKGROUND).any():
        return False
    if tags is None:
        return _holds_square(ignored, max(3, round(_OUTLINE * max(mask.shape))))
    return bool(tags)


def classes_in(mask: NDArray[np.uint8], class_list: ClassList) -> frozenset[str]:
    """Return the classes that have at least one pixel in a mask whose ids were checked.

    Args:
        mask: (H, W) class ids.
        class_list: the classes the ids stand for.
    """
    counts = np.bincount(mask.ravel(), minlength=IGNORE + 1)
    return frozenset(name for i, name in enumerate(class_list, start=1) if counts[i])


def index_table(
    source: ClassList,
    chosen: ClassList,
    others: Literal["ignore", "background"],
    masked: ClassList | None = None,
) -> NDArray[np.uint8]:
    """Return the table that turns a data set's ids into those of a list of chosen classes.

    Use it as ``table[mask]``. Classes are matched by name; a chosen class that the data set does
    not have is never met.

    Args:
        source: the class list of the data set.
        chosen: the classes that count, in the order of the new ids.
        others: what the pixels of all other classes become: 255 or background.
        masked: the chosen classes whose masks may be used; pixels of the rest become 255. None:
            all.

    Returns:
        (256,) uint8; 0 stays 0, 255 stays 255.
    """
    rest = IGNORE if others == "ignore" else BACKGROUND
    table = np.full(IGNORE + 1, IGNORE, dtype=np.uint8)
    table[BACKGROUND] = BACKGROUND
    for index, name in enumerate(source, start=1):
        table[index] = chosen.index(name) if name in chosen else rest
        if name in chosen and masked is not None and name not in masked:
            table[index] = IGNORE
    return table


def write_mask(path: Path, label_map: NDArray[np.uint8], *, colours: bytes | None = None) -> None:
    """Write (H, W) uint8 class ids as a palette PNG, atomically.

    Args:
        path: of the file.
        label_map: the ids.
        colours: 768 bytes, red, green and blue of each id; None: those of the class list.

    Raises:
        DataError: the file cannot be written.
    """
    image = Image.fromarray(label_map)
    image.putpalette(palette() if colours is None else colours)
    content = io.BytesIO()
    image.save(content, "PNG")
    write_atomically(path, content.getvalue())


def _holds_square(area: NDArray[np.bool_], side: int) -> bool:
    """Tell whether a square of ``side`` pixels fits into a (H, W) bool area."""
    if min(area.shape) < side:
        return False
    total = np.pad(area.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = total[side:, side:] - total[:-side, side:] - total[side:, :-side]
    return bool((inside + total[:-side, :-side] == side * side).any())


def _finding(code: str, path: Path, message: str) -> Finding:
    return Finding(code, str(path), message)


def _not_flat(mask: NDArray[np.uint8]) -> str:
    return (
        f"has {mask.shape[2]} channels, but a mask holds one class id per pixel; export indexed "
        "colour or class indices, not colours"
    )


def _other_size(size: tuple[int, ...], image_size: tuple[int, int]) -> str:
    remedy = "export the mask at the size of the image"
    if size == image_size[::-1]:
        remedy = (
            "they differ only by a quarter turn: the image's EXIF orientation was not applied to "
            "the mask, so turn the mask"
        )
    return f"the mask is {_spelt(size)} pixels, its image {_spelt(image_size)}; {remedy}"


def _spelt(size: tuple[int, ...]) -> str:
    """Return (H, W) as viewers show it, the width first."""
    return " x ".join(str(length) for length in reversed(size))


def _binary(class_count: int) -> str:
    ids = "1" if class_count == 1 else f"1 to {class_count}"
    return (
        f"holds only 0 and 255, and 255 is ignored: write the class id ({ids}) in place of 255, "
        "or, if no class is there, give the image a row with an empty cell in tags.csv"
    )


def _no_class(mask: NDArray[np.uint8], bad: NDArray[np.bool_], class_count: int) -> str:
    row, column = (int(i) for i in np.argwhere(bad)[0])
    return (
        f"id {mask[row, column]} at row {row}, column {column} is no class: ids run from 0 "
        f"(background) to {class_count}, and {IGNORE} is ignored ({int(bad.sum())} such pixels); "
        "correct the id, or add its class to classes.txt"
    )
