"""Where the parts of a data set of COCO's layout lie, in its many variants."""

import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path

from decouplednet.annotations.formats.json_outline import last_keys, outline
from decouplednet.annotations.formats.paths import image_name
from decouplednet.errors import DataError

MOST_ENTRIES = 300  # of a folder that are looked at to tell a format
MOST_FILES = 20
_BESIDE = (
    "_annotations.coco.json",
    "annotations.coco.json",
    "annotations.json",
    "coco.json",
    "instances.json",
    "labels.json",
    "result.json",
)
"""Names of annotation files that lie beside their images (Roboflow, FiftyOne, Label Studio)."""

_SPLITS = ("train", "training", "val", "valid", "validation", "test")
_PREFIXES = ("instances_", "panoptic_", "stuff_")
_NO_IMAGES = ("annotations", "masks", "labels", "panoptic_", "stuff_", "stuffthingmaps")


class FileKind(StrEnum):
    """What a file of COCO's form is about."""

    INSTANCES = "instances"
    PANOPTIC = "panoptic"
    CAPTIONS = "captions"
    KEYPOINTS = "keypoints"


def kind_of(path: Path) -> FileKind | None:
    """Return what a JSON file is about, from its first and last kilobytes; None: not COCO's."""
    keys = outline(path)
    in_classes = {"id", "name"} <= keys.get("categories", frozenset())
    in_images = "file_name" in keys.get("images", ())
    in_annotations = "image_id" in keys.get("annotations", ())
    if not (in_images or in_annotations or (in_classes and {"images", "annotations"} & set(keys))):
        return None
    seen = keys.get("annotations", frozenset()) | last_keys(path)
    if "segments_info" in seen:
        return FileKind.PANOPTIC
    if "caption" in seen and not {"bbox", "segmentation"} & seen:
        return FileKind.CAPTIONS
    return FileKind.KEYPOINTS if {"num_keypoints", "skeleton"} & seen else FileKind.INSTANCES


def json_files(root: Path, most: int | None = None) -> list[Path]:
    """Return the JSON files at the places where COCO's annotations lie, the likeliest first.

    Args:
        root: the data set's folder.
        most: entries of a folder that are looked at; None: all.

    Raises:
        DataError: a folder may not be read.
    """
    found = {path for name in _BESIDE for path in _at(root, name)}
    for folder in (root / "annotations", root):
        found |= {path for path in entries(folder, most) if path.suffix == ".json"}
    shown = (path for path in found if not path.name.startswith("."))
    return sorted(shown, key=lambda path: (path.parent == root and path.name not in _BESIDE, path))


def instance_files(paths: Iterable[Path]) -> list[Path]:
    """Return those of some JSON files that outline or box objects.

    Where a folder has files that are named ``instances``, only these count: the others (``stuff``,
    ``image_info``) are about the same images.
    """
    found = [path for path in paths if kind_of(path) == FileKind.INSTANCES]
    named = {path.parent for path in found if path.name.startswith("instances")}
    return [p for p in found if p.parent not in named or p.name.startswith("instances")]


def entries(folder: Path, most: int | None = None) -> Iterator[Path]:
    """Yield what lies in a folder, at most so much; nothing where there is no such folder.

    Raises:
        DataError: the folder may not be read.
    """
    try:
        with os.scandir(folder) as found:
            yield from (Path(entry.path) for entry in islice(found, most))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as fault:
        raise DataError(f"{folder}: cannot be read: {fault.strerror}") from None


def image_folder(root: Path) -> Path:
    """Return the folder that the images lie in: ``images`` if it is there, else the whole."""
    return root / "images" if (root / "images").is_dir() else root


def folders_without_images(root: Path) -> tuple[Path, ...]:
    """Return the folders among the images that hold annotations, such as PNGs of segments."""
    if image_folder(root) != root:
        return ()
    named = (path for path in entries(root) if path.name.startswith(_NO_IMAGES))
    return tuple(sorted(path for path in named if path.is_dir()))


def split_name(root: Path, file: Path) -> str:
    """Return the name of the split that an annotation file is about.

    It is the file's name without ending and kind, or that of its folder where the file is called
    the same in every split.

    >>> split_name(Path("d"), Path("d/annotations/instances_val2017.json"))
    'val2017'
    >>> split_name(Path("d"), Path("d/train/_annotations.coco.json"))
    'train'
    """
    if file.parent.name in _SPLITS and file.parent != root:
        return file.parent.name
    for prefix in _PREFIXES:
        if file.stem.startswith(prefix):
            return file.stem.removeprefix(prefix)
    return file.stem


class ImagePlace:
    """Tells which image of a data set an annotation file means by a name.

    Args:
        root: the data set's folder.
        file: the annotation file. Where the folder of the images has a sub-folder of the name of
            its split, its images lie there.
    """

    def __init__(self, root: Path, file: Path) -> None:
        images, split = image_folder(root), split_name(root, file)
        self._under = f"{split}/" if (images / split).is_dir() else ""

    def name(self, listed: str) -> str:
        """Return the path of an image under the folder of the images; empty where there is none."""
        name = image_name(listed)
        return name if not name or name.startswith(self._under) else f"{self._under}{name}"


def _at(root: Path, name: str) -> Iterator[Path]:
    """Yield the files of a name in the data set's folder and in those of its splits."""
    for folder in (root, *(root / split for split in _SPLITS)):
        if (folder / name).is_file():
            yield folder / name
