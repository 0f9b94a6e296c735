"""Three small images with masks, and the stream that they give."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.masked import MaskedImages
from decouplednet.dataset.store import ImageStore
from decouplednet.stage_settings import AugmentationSettings, SegmenterSettings

SOURCE = ClassList(("car", "cat", "cow", "dog"))
CLASSES = ClassList(("dog", "cat", "cow"))  # ids 4, 2, 3 of the source
FRAME = Frame(side=12, channel_order="RGB", mean=(0, 0, 0), deviation=(1, 1, 1))
PLAIN = AugmentationSettings(flip=False, smallest_scale=1, colour=0)
WHOLE = SegmenterSettings(window_share=0, augmentation=PLAIN)


def drawn_mask(height: int, width: int) -> NDArray[np.uint8]:
    """Return car, cat and dog in three corners, ignored pixels in the fourth."""
    mask = np.zeros((height, width), np.uint8)
    mask[:3, :3] = 1
    mask[:4, -3:] = 2
    mask[-3:, :4] = 4
    mask[-2:, -2:] = 255
    return mask


def masked_images(
    records: Sequence[Record],
    *,
    classes: ClassList = CLASSES,
    others: Literal["ignore", "background"] = "ignore",
    masked: ClassList | None = None,
    settings: SegmenterSettings = WHOLE,
    frame: Frame = FRAME,
    seed: int = 3,
    store: ImageStore | None = None,
) -> MaskedImages:
    return MaskedImages(
        records,
        source=SOURCE,
        classes=classes,
        others=others,
        masked=masked or classes,
        frame=frame,
        settings=settings,
        seed=seed,
        store=store,
    )
