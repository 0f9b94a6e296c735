"""A small data set in the PASCAL VOC layout with all twenty classes, made by code for the tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from decouplednet.annotations.masks import write_mask
from decouplednet.annotations.tags import write_tags
from decouplednet.annotations.voc import VOC_CLASSES

HEIGHT, WIDTH = 60, 80


def write_voc(root: Path, *, tags_split: str, masks_split: str, validation_split: str) -> Path:
    """Write ten images of two classes each that train, seven by masks, and two only scored."""
    rng = np.random.default_rng(0)
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    rows: dict[str, tuple[str, str]] = {}
    for number in range(12):
        name = f"2007_{number:06d}"
        first, second = 2 * number % 20 + 1, (2 * number + 1) % 20 + 1
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[10:40, 5:35] = first
        mask[20:50, 45:75] = second
        image = rng.integers(0, 80, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        image += (8 * mask)[..., None]
        Image.fromarray(image).save(root / "JPEGImages" / f"{name}.jpg")
        write_mask(root / "SegmentationClass" / f"{name}.png", mask)
        rows[f"{name}.jpg"] = (VOC_CLASSES.names[first - 1], VOC_CLASSES.names[second - 1])
    write_tags(root / "tags.csv", rows)
    names = [Path(image).stem for image in rows]
    splits = {masks_split: names[:7], tags_split: names[:10], validation_split: names[10:]}
    for split, members in splits.items():
        file = root / "ImageSets" / "Segmentation" / f"{split}.txt"
        file.write_text("\n".join(members) + "\n")
    return root
