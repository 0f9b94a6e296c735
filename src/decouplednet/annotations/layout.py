"""Where the parts of a data set lie: the native layout, a plain folder, or PASCAL VOC."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from decouplednet.annotations.image_files import FoundImages, find_images, holds_image
from decouplednet.errors import DataError

_OF_A_RUN = ("model.json", "model/model.json", "run.json")

LayoutName = Literal["native", "plain", "voc"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of a data set; any but ``images`` may be missing.

    Args:
        name: which layout it is.
        root: the data set's folder.
        images: folder of the images.
        masks: folder of the masks, at the same paths as the images.
        splits: folder of the lists ``NAME.txt``.
        objects: folder of VOC's object files; None where the layout has none.
    """

    name: LayoutName
    root: Path
    images: Path
    masks: Path
    splits: Path
    objects: Path | None

    @property
    def tags(self) -> Path:
        """The table of tags."""
        return self.root / "tags.csv"

    @property
    def classes(self) -> Path:
        """The class list."""
        return self.root / "classes.txt"


def native_layout(root: Path) -> Layout:
    """Return the places of a data set with a folder ``images/``."""
    return Layout("native", root, root / "images", root / "masks", root / "splits", None)


def plain_layout(root: Path) -> Layout:
    """Return the places of a folder that holds the images itself, beside ``classes.txt``."""
    return Layout("plain", root, root, root / "masks", root / "splits", None)


def voc_layout(root: Path) -> Layout:
    """Return the places of a PASCAL VOC folder."""
    splits = root / "ImageSets" / "Segmentation"
    masks, objects = root / "SegmentationClass", root / "Annotations"
    return Layout("voc", root, root / "JPEGImages", masks, splits, objects)


def layout_of(root: Path) -> Layout:
    """Return the layout of a data set.

    A folder with ``images/`` is native, one with ``JPEGImages/`` is VOC. A folder with neither but
    with ``classes.txt`` or ``tags.csv`` is plain: the images lie in it and in its sub-folders,
    except in ``masks/`` and ``splits/``; `decouplednet init` makes it so without moving a file.

    Raises:
        DataError: there is no such folder, it has none of these, or its ``images`` is a link to
            nowhere.
    """
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder")
    if (root / "images").is_dir():
        return native_layout(root)
    if (root / "images").is_symlink():  # the images of a disk that is not there
        raise DataError(f"{root / 'images'}: a link that leads to no folder; mend it or remove it")
    if (root / "JPEGImages").is_dir():
        return voc_layout(root)
    if (root / "classes.txt").is_file() or (root / "tags.csv").is_file():
        return plain_layout(root)
    if any((root / file).is_file() for file in _OF_A_RUN):
        raise DataError(
            f"{root}: is a run or a model, no data set; where a command takes both, the order is "
            "MODEL DATA"
        )
    raise DataError(
        f"{root}: holds neither images/ nor JPEGImages/, so it is no data set; {_remedy(root)}"
    )


def image_files(layout: Layout) -> FoundImages:
    """Return the files of a data set's images; masks in a plain folder are none of them.

    Raises:
        DataError: a folder may not be read.
    """
    found = find_images(layout.images)
    if layout.name != "plain":
        return found

    def outside(paths: tuple[Path, ...]) -> tuple[Path, ...]:
        apart = (layout.masks, layout.splits)
        return tuple(path for path in paths if not any(map(path.is_relative_to, apart)))

    return FoundImages(outside(found.images), outside(found.skipped))


def _remedy(root: Path) -> str:
    below = chain(root.glob("*/JPEGImages"), root.glob("*/*/JPEGImages"), root.glob("*/images"))
    found = min((path.parent for path in below), default=None)
    if found is not None:
        return f"did you mean {found}?"
    if holds_image(root):
        return f"for a folder of images run: decouplednet init {root}"
    return "nor is there any image in it; name the folder of a data set"
