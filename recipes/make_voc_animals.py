"""Build the folder of the voc-animals recipes from the public PASCAL VOC 2012 and SBD folders.

Run it from the checkout, with scipy installed (``pip install scipy``)::

    python recipes/make_voc_animals.py VOCdevkit/VOC2012 benchmark_RELEASE voc-animals

The images are those of the id lists beside this script, shrunk to a long side of 256 pixels; other
lists and sizes can be given. A mask is VOC's own where there is one, else SBD's, shrunk to the
nearest pixel. ``tags.csv`` holds the classes of each mask, all twenty of them.

Source:
    Hariharan et al., "Semantic Contours from Inverse Detectors", ICCV 2011: the SBD folder holds
    ``dataset/cls/NAME.mat`` with ``GTcls.Segmentation``, VOC class ids.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import classes_in, read_mask, write_mask
from decouplednet.annotations.tags import write_tags
from decouplednet.annotations.voc import VOC_CLASSES
from decouplednet.errors import DataError, UserError

LISTS = Path(__file__).with_name("voc-animals")
LONG_SIDE = 256
JPEG_QUALITY = 90


def build(voc: Path, sbd: Path, out: Path, *, lists: Path, long_side: int) -> int:
    """Write the data set and return how many images it holds.

    Args:
        voc: the folder with ``JPEGImages`` and ``SegmentationClass``.
        sbd: the folder with ``dataset/cls``.
        out: new or empty.
        lists: folder of the id lists ``NAME.txt``, which become the splits.
        long_side: of the images written, in pixels.

    Raises:
        DataError: a folder, an image or a mask is missing, or ``out`` is not empty.
    """
    splits = read_lists(lists)
    for folder in (voc / "JPEGImages", voc / "SegmentationClass", sbd / "dataset" / "cls"):
        if not folder.is_dir():
            raise DataError(f"{folder}: there is no such folder")
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out}: not an empty folder; choose another")
    tags: dict[str, Sequence[str]] = {}
    for name in sorted({name for names in splits.values() for name in names}):
        image = read_image(voc / "JPEGImages" / f"{name}.jpg")
        mask = shrunk_mask(mask_of(voc, sbd, name, image.shape[:2]), long_side)
        write_jpeg(out / "JPEGImages" / f"{name}.jpg", shrunk_image(image, long_side))
        write_mask(out / "SegmentationClass" / f"{name}.png", mask)
        tags[f"{name}.jpg"] = sorted(classes_in(mask, VOC_CLASSES))
    write_tags(out / "tags.csv", tags)
    for split, names in splits.items():
        content = "".join(f"{name}\n" for name in names).encode()
        write_atomically(out / "ImageSets" / "Segmentation" / f"{split}.txt", content)
    return len(tags)


def read_lists(folder: Path) -> dict[str, list[str]]:
    """Return list name to image names.

    Raises:
        DataError: the folder holds no lists.
    """
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise DataError(f"{folder}: holds no id lists NAME.txt")
    return {file.stem: file.read_text(encoding="utf-8").split() for file in files}


def mask_of(voc: Path, sbd: Path, name: str, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the (H, W) mask of an image: VOC's own where there is one, else SBD's.

    Raises:
        DataError: neither has one, or it has another size than the image.
    """
    official = voc / "SegmentationClass" / f"{name}.png"
    other = sbd / "dataset" / "cls" / f"{name}.mat"
    path = official if official.exists() else other
    if not path.exists():
        raise DataError(f"{name}: there is neither {official} nor {other}")
    mask = read_mask(official) if path is official else read_sbd(other)
    if mask.shape != size:
        raise DataError(f"{path}: the mask is {mask.shape} (H, W), its image {size}")
    return mask


def read_sbd(path: Path) -> NDArray[np.uint8]:
    """Return the (H, W) class ids of an SBD file.

    Raises:
        DataError: scipy is not installed, or the file holds no segmentation.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ModuleNotFoundError:
        raise DataError(f"{path}: reading SBD needs scipy; run: pip install scipy") from None
    try:
        return np.asarray(loadmat(path)["GTcls"][0, 0]["Segmentation"], dtype=np.uint8)
    except (MatReadError, OSError, ValueError, KeyError, IndexError) as fault:
        raise DataError(f"{path}: not an SBD class file: {fault}") from None


def shrunk_image(image: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """Return a (H, W, 3) image with that long side in pixels, the short one rounded."""
    picture = Image.fromarray(image)
    return np.asarray(picture.resize(_shrunk(picture.size, long_side), Image.Resampling.LANCZOS))


def shrunk_mask(mask: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """Return a (H, W) mask with that long side in pixels; each pixel is the nearest one."""
    picture = Image.fromarray(mask)
    return np.asarray(picture.resize(_shrunk(picture.size, long_side), Image.Resampling.NEAREST))


def write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a (H, W, 3) image, atomically."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=JPEG_QUALITY)
    write_atomically(path, content.getvalue())


def _shrunk(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    share = long_side / max(size)
    return (max(1, round(size[0] * share)), max(1, round(size[1] * share)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the folder that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the data set of the voc-animals recipes.")
    parser.add_argument("voc", type=Path, help="the VOC2012 folder")
    parser.add_argument("sbd", type=Path, help="the SBD folder, which holds dataset/cls")
    parser.add_argument("out", type=Path, help="the data set's folder, new or empty")
    parser.add_argument("--lists", type=Path, default=LISTS, help="folder of id lists NAME.txt")
    parser.add_argument("--long-side", type=int, default=LONG_SIDE, help="in pixels")
    given = parser.parse_args(arguments)
    if given.long_side < 1:
        parser.error(f"--long-side is {given.long_side}; expected at least 1 pixel")
    try:
        count = build(given.voc, given.sbd, given.out, lists=given.lists, long_side=given.long_side)
    except UserError as fault:
        sys.stderr.write(f"make_voc_animals: {fault}\n")
        return 1
    sys.stdout.write(f"{count} images in {given.out}; look: decouplednet check {given.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
