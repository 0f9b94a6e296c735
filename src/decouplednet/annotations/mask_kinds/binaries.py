"""Masks of which each class has a black-and-white picture of its own.

``Content.file`` is one of the pictures, ``Content.more`` one JSON object:

- ``root``: the folder of all masks, as a path from the folder of the picture;
- ``images``: the folder of the images, as a path from the folder of the picture;
- ``name``: of the image, a path under that folder without extension;
- ``by``: ``folder``: the picture of a class is ``root/CLASS/NAME.png``; ``suffix``: it is
  ``root/NAME_CLASS.png``.

The pictures are looked for when the mask is read, so one that is added counts at once. A class
without a picture is not on the image.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.annotations.mask_files import MASK_SUFFIXES, shown_colours
from decouplednet.annotations.mask_kinds.colours import strips
from decouplednet.annotations.mask_names import split_owner
from decouplednet.annotations.special_names import (
    BACKGROUND_NAMES,
    IGNORED_NAMES,
    means_background,
    means_ignored,
    tidy_name,
)
from decouplednet.classes import BACKGROUND, IGNORE, ClassList
from decouplednet.errors import DataError

By = Literal["folder", "suffix"]

_BLACK, _WHITE = 0, 255
_BETWEEN = 3  # most greys between black and white: more are a JPEG's or a smoothed mask's


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pictures of classes lie.

    Args:
        root: the folder of all masks.
        images: the folder of the images.
        by: whether a folder or the end of a file's name tells the class.
    """

    root: Path
    images: Path
    by: By

    def content(self, picture: Path, name: str) -> Content:
        """Return the content of the mask of an image, of which one picture is given."""

        def listed(place: Path) -> str:
            return Path(os.path.relpath(place, picture.parent)).as_posix()

        more = {"root": listed(self.root), "images": listed(self.images), "name": name}
        return Content(Kind.BINARIES, picture, json.dumps({**more, "by": self.by}))

    @classmethod
    def of(cls, content: Content) -> "Places":
        """Return the places that a content names."""
        details, folder = content.details(), content.file.parent
        root = Path(os.path.normpath(folder / details["root"]))
        return cls(root, Path(os.path.normpath(folder / details["images"])), details["by"])


@dataclass(frozen=True, slots=True)
class _Layer:
    """What the picture of one class says.

    Args:
        name: of the class.
        index: its id; 0 of background, 255 of what is ignored.
        file: the picture.
        object: (H, W) bool, where the class is.
        doubtful: (H, W) bool, where the picture is neither black nor white.
    """

    name: str
    index: int
    file: Path
    object: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]


def read(content: Content, image: Path, classes: ClassList) -> NDArray[np.uint8]:
    """Return the mask, (H, W) uint8: 0 where no class is; of two that overlap the smaller one.

    What a picture leaves between black and white is 255 where no class is.

    Args:
        content: which pictures.
        image: the image they belong to; not needed.
        classes: that have pictures.

    Raises:
        DataError: a picture cannot be read, is not black and white, or is of no class; or two
            differ in size.
    """
    del image
    layers = _layers(content, classes)
    mask = np.zeros(layers[0].object.shape, dtype=np.uint8)
    for layer in layers:
        mask[layer.doubtful] = IGNORE
    for layer in layers:
        mask[layer.object] = layer.index
    return mask


def files(content: Content, classes: ClassList) -> tuple[Path, ...]:
    """Return the pictures that the mask is read from.

    Raises:
        DataError: a folder cannot be read, or a picture is of no class.
    """
    return tuple(file for _, file in _pictures(content, classes))


def notes(content: Content, classes: ClassList) -> tuple[Finding, ...]:
    """Return what is to be known of a mask beside its faults: overlaps, and what is ignored.

    Raises:
        DataError: as `read`.
    """
    layers = [layer for layer in _layers(content, classes) if layer.index != BACKGROUND]
    found = []
    for at, above in enumerate(layers):
        doubtful = int(above.doubtful.sum())
        if doubtful:
            message = f"{_pixels(doubtful)} between black and white, which are ignored"
            found.append(Finding("grey-pixels", str(above.file), message))
        for below in layers[:at]:
            shared = int((below.object & above.object).sum())
            if shared:
                message = (
                    f"{above.name} and {below.name} overlap in {_pixels(shared)}; the smaller one "
                    f"counts there, {above.name}"
                )
                found.append(Finding("mask-overlap", str(above.file), message))
    return tuple(found)


def _layers(content: Content, classes: ClassList) -> list[_Layer]:
    """Return the pictures from the lowest to the topmost: background, then the larger first."""
    pictures = _pictures(content, classes)
    if not pictures:
        raise DataError(
            f"{content.file}: is the mask of no class; add its class to classes.txt, or remove it"
        )
    layers = [_layer(file, name, classes) for name, file in pictures]
    for layer in layers[1:]:
        if layer.object.shape != layers[0].object.shape:
            raise DataError(
                f"{layer.file}: is {_spelt(layer)} pixels, {layers[0].file} {_spelt(layers[0])}; "
                "all masks of an image have its size"
            )

    def height(layer: _Layer) -> tuple[bool, int, int]:
        return layer.index != BACKGROUND, -int(layer.object.sum()), layer.index

    return sorted(layers, key=height)


def _layer(file: Path, name: str, classes: ClassList) -> _Layer:
    pixels = _flat(shown_colours(file))
    held = [int(value) for value in np.unique(pixels)]
    white = _white(held, file, grey=pixels.dtype == np.uint8)
    doubtful = (pixels != _BLACK) & (pixels != white)
    index = IGNORE if name not in classes else classes.index(name)
    if means_background(name):
        index = BACKGROUND
    return _Layer(name, index, file, pixels == white, doubtful)


def _flat(shown: NDArray[np.uint8]) -> NDArray[Any]:
    """Return (H, W) uint8 greys, or uint32 colours where a picture is not grey."""
    if shown.ndim == 2:
        return shown
    red, green, blue = shown[..., 0], shown[..., 1], shown[..., 2]
    if (red == green).all() and (green == blue).all():
        return np.ascontiguousarray(red)
    return np.concatenate(list(strips(shown)))


def _white(held: Sequence[int], file: Path, *, grey: bool) -> int:
    """Return the value of the object in a picture that holds certain values."""
    others = [value for value in held if value != _BLACK]
    if len(others) <= 1:
        return others[0] if others else _WHITE
    if not grey:
        raise DataError(
            f"{file}: holds {len(held)} colours; the mask of a class is black and white; export "
            "one for each class, or one in colours for all and a class_dict.csv"
        )
    if _WHITE in others and len(others) <= _BETWEEN + 1:
        return _WHITE
    raise DataError(
        f"{file}: holds {len(held)} greys; the mask of a class holds two, such as 0 and 255; make "
        "each pixel black or white, and save it as PNG, not as JPEG"
    )


def _pictures(content: Content, classes: ClassList) -> list[tuple[str, Path]]:
    """Return the classes that have a picture, background and ignored too, and where it is."""
    places, name = Places.of(content), content.details()["name"]
    find = _in_folders if places.by == "folder" else _by_suffix
    return list(find(places, name, content.file.suffix, classes))


def _in_folders(
    places: Places, name: str, suffix: str, classes: ClassList
) -> Iterator[tuple[str, Path]]:
    try:
        folders = sorted(entry.name for entry in os.scandir(places.root) if entry.is_dir())
    except OSError as fault:
        raise DataError(f"{places.root}: cannot be read: {fault.strerror}") from None
    for folder in folders:
        picture, label = _found(places.root / folder / name, suffix), tidy_name(folder)
        if picture is None:
            continue
        if label not in classes and not means_background(label) and not means_ignored(label):
            raise DataError(f"{picture}: {classes.unknown(label)}")
        yield label, picture


def _by_suffix(
    places: Places, name: str, suffix: str, classes: ClassList
) -> Iterator[tuple[str, Path]]:
    for label in (*classes, *sorted(BACKGROUND_NAMES | IGNORED_NAMES)):
        for spelt in dict.fromkeys((label, normalize("NFD", label))):  # as file systems write it
            stem = f"{name}_{spelt}"
            picture = _found(places.root / stem, suffix)
            # a_b_cat may be the class cat of a_b, and not b_cat of a.
            if picture is not None and split_owner(stem, places.images) == (name, spelt):
                yield label, picture
                break


def _found(stem: Path, suffix: str) -> Path | None:
    endings = dict.fromkeys((suffix, ".png", *sorted(MASK_SUFFIXES)))
    pictures = (stem.with_name(stem.name + ending) for ending in endings)
    return next((picture for picture in pictures if picture.is_file()), None)


def _spelt(layer: _Layer) -> str:
    height, width = layer.object.shape
    return f"{width} x {height}"


def _pixels(count: int) -> str:
    return "1 pixel" if count == 1 else f"{count} pixels"
