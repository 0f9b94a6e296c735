"""The demo's data set: scenes written in the native layout, with masks for a handful of them."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.class_file import write_classes
from decouplednet.annotations.files import not_written, write_atomically
from decouplednet.annotations.masks import write_mask
from decouplednet.annotations.tags import write_tags
from decouplednet.demo.scene import Scene, draw_scene
from decouplednet.demo.stock import CLASSES, Stock, open_stock, read_attribution
from decouplednet.errors import DataError

Progress = Callable[[Sequence[int]], Iterable[int]]

TAGS, MASKS, TEST = "tags", "masks", "test"
_JPEG_QUALITY = 92
# Each kind of image has random numbers of its own, so one kind's count does not change another.
_STREAMS = {TAGS: 0, TEST: 1}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much data is made.

    Args:
        tagged: images with tags.
        test: images that are only scored, each with a mask.
        masks_per_class: each class is on at least this many of the masked training images.
        side: of the square images, in pixels.
    """

    tagged: int = 6000
    test: int = 250
    masks_per_class: int = 5
    side: int = 96


@dataclass(frozen=True, slots=True)
class Composed:
    """A data set that was made.

    Args:
        root: its folder.
        tagged: names of the images with tags.
        masked: those of them with a mask.
        test: names of the images that are only scored.
    """

    root: Path
    tagged: tuple[str, ...]
    masked: tuple[str, ...]
    test: tuple[str, ...]


def compose(
    root: Path, *, seed: int, sizes: Sizes | None = None, progress: Progress = iter
) -> Composed:
    """Make a data set of composed scenes.

    The same seed and sizes give the same bytes. Training images have tags; masks are written only
    for the test images and for as few training images as ``choose_masked`` finds.

    Args:
        root: folder to make; it must not be there, or be empty.
        seed: fixes every choice.
        sizes: how much is made.
        progress: shows how many images are done.

    Raises:
        DataError: the folder is in use or cannot be written, or the images are too few for the
            masks that each class needs.
    """
    sizes = sizes or Sizes()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root}: not an empty folder; choose another one for the demo's data")
    # The whole folder takes its name at the end, so that a half-made one is never trained on.
    unfinished = root.with_name(f".{root.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        names = _fill(unfinished, seed, sizes, progress)
        if root.exists():
            root.rmdir()
        unfinished.rename(root)
    except OSError as fault:
        raise DataError(f"{root}: {not_written(fault)}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Composed(root, names[TAGS], names[MASKS], names[TEST])


def choose_masked(tags: Sequence[frozenset[str]], masks_per_class: int) -> tuple[int, ...]:
    """Return which images get a mask: at least so many per class, chosen greedily in order.

    An image is taken if it has a class that still lacks masks.

    Args:
        tags: of each image, in the seeded order in which they were made.
        masks_per_class: wanted for each class.

    Raises:
        DataError: a class is on fewer images.
    """
    counts: Counter[str] = Counter()
    chosen = []
    for position, names in enumerate(tags):
        if any(counts[name] < masks_per_class for name in names):
            chosen.append(position)
            counts.update(names)
    for name in CLASSES:
        if counts[name] < masks_per_class:
            raise DataError(
                f"{len(tags)} composed images show class {name!r} {counts[name]} times; "
                f"{masks_per_class} masks per class need more images"
            )
    return tuple(chosen)


def _fill(root: Path, seed: int, sizes: Sizes, progress: Progress) -> dict[str, tuple[str, ...]]:
    """Write all files of the data set; return the names in each split."""
    stock = open_stock()
    counts = {TAGS: sizes.tagged, TEST: sizes.test}
    tags: dict[str, frozenset[str]] = {}
    names: dict[str, tuple[str, ...]] = {}
    for kind, count in counts.items():
        names[kind] = tuple(_name(kind, number) for number in range(count))
        (root / "images" / kind).mkdir(parents=True)
        for number in progress(range(count)):
            scene = _scene(stock, seed, kind, number, sizes.side)
            _write_image(root, names[kind][number], scene.image)
            tags[names[kind][number]] = scene.tags
            if kind == TEST:
                _write_mask(root, names[kind][number], scene.mask)
    masked = choose_masked([tags[name] for name in names[TAGS]], sizes.masks_per_class)
    for number in masked:
        mask = _scene(stock, seed, TAGS, number, sizes.side).mask
        _write_mask(root, _name(TAGS, number), mask)
    names[MASKS] = tuple(_name(TAGS, number) for number in masked)
    _write_lists(root, {name: tags[name] for name in names[TAGS]}, names)
    return names


def _name(kind: str, number: int) -> str:
    return f"{kind}/{number:05d}"


def _scene(stock: Stock, seed: int, kind: str, number: int, side: int) -> Scene:
    rng = np.random.default_rng((seed, _STREAMS[kind], number))
    return draw_scene(stock, side=side, rng=rng)


def _write_image(root: Path, name: str, image: NDArray[np.uint8]) -> None:
    path = root / "images" / f"{name}.jpg"
    Image.fromarray(image).save(path, quality=_JPEG_QUALITY, subsampling=0)


def _write_mask(root: Path, name: str, mask: NDArray[np.uint8]) -> None:
    write_mask(root / "masks" / f"{name}.png", mask)


def _write_lists(
    root: Path, tags: dict[str, frozenset[str]], splits: dict[str, tuple[str, ...]]
) -> None:
    write_classes(root / "classes.txt", CLASSES.names)
    write_tags(root / "tags.csv", {name: sorted(row) for name, row in tags.items()})
    for split, names in splits.items():
        content = "".join(f"{name}\n" for name in names)
        write_atomically(root / "splits" / f"{split}.txt", content.encode())
    write_atomically(root / "ATTRIBUTION.md", read_attribution())
