"""Images with masks, as the segmentation network is trained on them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from decouplednet.annotations.catalogue import Record
from decouplednet.annotations.images import image_size
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.annotations.masks import check_mask, classes_in, index_table
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
from decouplednet.dataset.tagged import tag_targets
from decouplednet.dataset.view import View, cut_image, whole
from decouplednet.errors import DataError
from decouplednet.stage_settings import SegmenterSettings

SMALLEST_SHARE = 0.01  # of a window's known pixels, from which a class counts as being in it


class MaskedExample(NamedTuple):
    """One window of an image, the classes asked for, and where they are together.

    Attributes:
        image: (3, side, side) float32, normalised.
        asked: (L,) bool, at least one.
        target: (side, side) uint8: 1 any class asked for, 255 ignored or padding, 0 all else.
        mask: (side, side) uint8: the id of every class, 255 ignored or padding.
        tags: (L,) float32: 1 a class in the window, 0 a class that is not on the image, NaN one
            that may be on the image, and that the window may not show.
    """

    image: Tensor
    asked: Tensor
    target: Tensor
    mask: Tensor
    tags: Tensor

    @property
    def present(self) -> Tensor:
        """(L,) bool, the classes that may be in the window."""
        return self.tags != 0  # NaN is not 0


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
        masked: those of ``classes`` whose masks are learnt; pixels of the rest become 255.
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
        masked: ClassList,
        frame: Frame,
        settings: SegmenterSettings,
        seed: int,
        store: ImageStore | None = None,
        progress: Callable[[Sequence[Record]], Iterable[Record]] = iter,
    ) -> None:
        self._table = index_table(source, classes, others, masked)
        self._source, self._classes = source, classes
        self._frame = frame
        self._settings = settings
        self._store = store or ImageStore(0)
        content = [(record, *self._content(record)) for record in progress(records)]
        self.records = tuple(record for record, labels, _ in content if labels)
        self._labels = tuple(labels for _, labels, _ in content if labels)
        self._tags = tuple(tags for _, labels, tags in content if labels)
        self.excluded = tuple(record.name for record, labels, _ in content if not labels)
        if not self.records:
            raise DataError(
                f"none of the {len(records)} masks to train from holds one of the classes "
                f"{', '.join(masked)}; add masks, or choose other classes"
            )
        self._draws = Draws(len(self.records), seed)

    def __getitem__(self, draw: int) -> MaskedExample:
        """Return the example of a draw, counted from 0 without end.

        Raises:
            DataError: its image or its mask cannot be read.
        """
        _, index = self._draws.locate(draw)
        rng = self._draws.generator(draw)
        labels = choose_labels(self._labels[index], rng)
        mask = self._table[self._mask(index)]
        view, is_whole = self._choose_view(union_mask(mask, labels), rng)
        asked = torch.zeros(len(self._classes), dtype=torch.bool)
        asked[[label - 1 for label in labels]] = True
        seen = self._frame.mask(mask, view)
        return MaskedExample(
            self._image(index, view, rng),
            asked,
            torch.from_numpy(union_mask(seen.numpy(), labels)),
            seen,
            self._tags[index] if is_whole else window_tags(seen, self._tags[index]),
        )

    def with_classes(self, draw: int) -> ClassExample:
        """Return the example of a draw with the class of each pixel, seen around all classes.

        Raises:
            DataError: its image or its mask cannot be read.
        """
        _, index = self._draws.locate(draw)
        rng = self._draws.generator(draw)
        mask = self._table[self._mask(index)]
        view, _ = self._choose_view(union_mask(mask, self._labels[index]), rng)
        return ClassExample(self._image(index, view, rng), self._frame.mask(mask, view))

    def _mask(self, index: int) -> NDArray[np.uint8]:
        return self._store.mask(_mask_of(self.records[index]))

    def _image(self, index: int, view: View, rng: np.random.Generator) -> Tensor:
        content = cut_image(self._store.image(self.records[index].image), view)
        return self._frame.fill(jitter_colour(content, self._settings.augmentation.colour, rng))

    def _choose_view(self, union: NDArray[np.uint8], rng: np.random.Generator) -> tuple[View, bool]:
        """Return a view, and whether it shows the whole image."""
        image = whole((union.shape[0], union.shape[1]))
        window = choose_window(union, rng) if rng.random() < self._settings.window_share else image
        choose = choose_warped_view if self._settings.warp_windows else choose_view
        view = choose(window, side=self._frame.side, settings=self._settings.augmentation, rng=rng)
        return view, view.window == image

    def _content(self, record: Record) -> tuple[tuple[int, ...], Tensor]:
        """Return the ids that a record's mask teaches, once it was checked, and all its tags."""
        source = _mask_of(record)
        mask = self._store.mask(source)
        said = source.contradicting(record.tags)
        check_mask(mask, source.path, image_size(record.image), len(self._source), said)
        ids = np.flatnonzero(np.bincount(mask.ravel()))
        found = {int(label) for label in self._table[ids]}
        tags = classes_in(mask, self._source) | (record.tags or frozenset())
        targets = tag_targets([tags], self._classes, [record.unsaid])[0]
        return tuple(sorted(found - {BACKGROUND, IGNORE})), targets


def window_tags(mask: Tensor, tags: Tensor) -> Tensor:
    """Return what is known of the tags of a window.

    Args:
        mask: (side, side) uint8 ids of the window: 1 to L, 0 background, 255 not known.
        tags: (L,) float: 1, 0 or NaN (not known), the tags of the whole image.

    Returns:
        (L,) float: 0 for a class that is not on the image, 1 for one that has at least
        ``SMALLEST_SHARE`` of the window's known pixels, NaN for the others.
    """
    pixels = torch.bincount(mask.flatten().int(), minlength=IGNORE + 1)[:IGNORE]
    shown = pixels[1 : len(tags) + 1] >= (SMALLEST_SHARE * pixels.sum()).clamp(min=1)
    known = torch.where(shown, 1.0, torch.nan)
    return torch.where(tags == 0, tags, known)


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


def _mask_of(record: Record) -> MaskSource:
    if record.mask is None:
        raise DataError(f"{record.image}: the image has no mask to train from")
    return record.mask
