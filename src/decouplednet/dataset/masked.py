"""Images with masks, as the segmentation network is trained on them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from decouplednet.annotations.catalogue import Record
from decouplednet.annotations.images import image_size
from decouplednet.annotations.masks import check_mask, index_table
from decouplednet.classes import BACKGROUND, IGNORE, ClassList
from decouplednet.dataset.augmentation import (
    choose_labels,
    choose_view,
    choose_warped_view,
    choose_window,
    jitter_colour,
    union_mask,
)
from decouplednet.dataset.draws import Draws
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.store import ImageStore
from decouplednet.dataset.view import View, cut_image, whole
from decouplednet.errors import DataError
from decouplednet.settings import SegmenterSettings


class MaskedExample(NamedTuple):
    """One image, the classes asked for, and where they are together.

    Attributes:
        image: (3, side, side) float32, normalised.
        asked: (L,) bool, at least one.
        target: (side, side) uint8: 1 any class asked for, 255 ignored or padding, 0 all else.
    """

    image: Tensor
    asked: Tensor
    target: Tensor


class ClassExample(NamedTuple):
    """One image and the class of each of its pixels.

    Attributes:
        image: (3, side, side) float32, normalised.
        target: (side, side) uint8: 0 background, else a class from 1; 255 ignored or padding.
    """

    image: Tensor
    target: Tensor


class MaskedImages(Dataset[MaskedExample]):
    """An endless stream of figure-ground examples; item ``draw`` depends on seed and draw only.

    Combinatorial cropping (PAPER.md): image, non-empty subset of its labels, union of their
    masks, window around it.

    Args:
        records: images with masks. All masks are read and checked at once.
        source: the classes that the masks' ids stand for.
        classes: the L classes to learn.
        others: what pixels of the other classes become.
        frame: what the network sees.
        settings: share of windows, whether they are warped, and how an image is varied.
        seed: fixes every choice.
        store: where decoded images and masks are kept; None: nowhere.
        progress: wraps the records while their masks are read, to show a bar.

    Attributes:
        records: those whose mask holds one of the classes.
        excluded: names of the others, in order.

    Raises:
        DataError: a mask cannot be read or does not fit its image or ``source``, or no mask
            holds one of the classes.
    """

    def __init__(
        self,
        records: Sequence[Record],
        *,
        source: ClassList,
        classes: ClassList,
        others: Literal["ignore", "background"],
        frame: Frame,
        settings: SegmenterSettings,
        seed: int,
        store: ImageStore | None = None,
        progress: Callable[[Sequence[Record]], Iterable[Record]] = iter,
    ) -> None:
        self._table = index_table(source, classes, others)
        self._class_count = len(classes)
        self._frame = frame
        self._settings = settings
        self._store = store or ImageStore(0)
        labels = [self._labels(record, source) for record in progress(records)]
        found = [pair for pair in zip(records, labels, strict=True) if pair[1]]
        self.records = tuple(record for record, _ in found)
        self._present = tuple(present for _, present in found)
        self.excluded = tuple(
            record.name for record, present in zip(records, labels, strict=True) if not present
        )
        if not self.records:
            raise DataError(
                f"none of the {len(records)} masks to train from holds one of the classes "
                f"{', '.join(classes)}; add masks, or choose other classes"
            )
        self._draws = Draws(len(self.records), seed)

    def __getitem__(self, draw: int) -> MaskedExample:
        """Return the example of a draw, counted from 0 without end.

        Raises:
            DataError: its image or its mask cannot be read.
        """
        _, index = self._draws.locate(draw)
        rng = self._draws.generator(draw)
        labels = choose_labels(self._present[index], rng)
        union = union_mask(self._table, labels)[self._mask(index)]
        view = self._choose_view(union, rng)
        asked = torch.zeros(self._class_count, dtype=torch.bool)
        asked[[label - 1 for label in labels]] = True
        return MaskedExample(self._image(index, view, rng), asked, self._frame.mask(union, view))

    def with_classes(self, draw: int) -> ClassExample:
        """Return the example of a draw with the class of each pixel, seen around all classes.

        Raises:
            DataError: its image or its mask cannot be read.
        """
        _, index = self._draws.locate(draw)
        rng = self._draws.generator(draw)
        union = union_mask(self._table, self._present[index])[self._mask(index)]
        view = self._choose_view(union, rng)
        target = self._frame.mask(self._table[self._mask(index)], view)
        return ClassExample(self._image(index, view, rng), target)

    def _mask(self, index: int) -> NDArray[np.uint8]:
        return self._store.mask(_mask_path(self.records[index]))

    def _image(self, index: int, view: View, rng: np.random.Generator) -> Tensor:
        content = cut_image(self._store.image(self.records[index].image), view)
        return self._frame.fill(jitter_colour(content, self._settings.augmentation.colour, rng))

    def _choose_view(self, union: NDArray[np.uint8], rng: np.random.Generator) -> View:
        if rng.random() < self._settings.window_share:
            window = choose_window(union, rng)
        else:
            window = whole((union.shape[0], union.shape[1]))
        choose = choose_warped_view if self._settings.warp_windows else choose_view
        return choose(window, side=self._frame.side, settings=self._settings.augmentation, rng=rng)

    def _labels(self, record: Record, source: ClassList) -> tuple[int, ...]:
        """Return the chosen classes of a record's mask, as ids from 1, once it was checked."""
        path = _mask_path(record)
        mask = self._store.mask(path)
        check_mask(mask, path, image_size(record.image), len(source), record.tags)
        ids = np.flatnonzero(np.bincount(mask.ravel()))
        found = {int(label) for label in self._table[ids]}
        return tuple(sorted(found - {BACKGROUND, IGNORE}))


class ClassImages(Dataset[ClassExample]):
    """The same images, windows and variations as examples of all classes at once.

    Args:
        masked: the stream that they come from.
    """

    def __init__(self, masked: MaskedImages) -> None:
        self._masked = masked

    def __getitem__(self, draw: int) -> ClassExample:
        """Return the example of a draw, counted from 0 without end.

        Raises:
            DataError: its image or its mask cannot be read.
        """
        return self._masked.with_classes(draw)


def _mask_path(record: Record) -> Path:
    if record.mask is None:
        raise DataError(f"{record.image}: the image has no mask to train from")
    return record.mask
