"""Images with tags, as the classification network is trained on them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import ClassList
from decouplednet.dataset.augmentation import choose_view, jitter_colour
from decouplednet.dataset.draws import Draws, view_generator
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.store import ImageStore
from decouplednet.dataset.view import cut_image, whole
from decouplednet.errors import DataError
from decouplednet.stage_settings import AugmentationSettings


class TaggedExample(NamedTuple):
    """One image and its tags.

    Attributes:
        image: (3, side, side) float32, normalised.
        tags: (L,) float32: 1 present, 0 absent, NaN not known.
    """

    image: Tensor
    tags: Tensor


def tag_targets(
    tags: Sequence[frozenset[str] | None],
    classes: ClassList,
    unsaid: Sequence[frozenset[str]] | None = None,
) -> Tensor:
    """Return the tags of N images as numbers.

    Args:
        tags: names of each image's classes, of which those outside ``classes`` do not count;
            None: nobody has looked.
        classes: the L classes.
        unsaid: for each image the classes of which nobody said whether they are there, which are
            not known unless they are among its tags; None: of none of the images any.

    Returns:
        (N, L) float32: 1 present, 0 absent, NaN not known.

    Raises:
        ValueError: ``unsaid`` are not as many as ``tags``.
    """
    left_open = [frozenset[str]()] * len(tags) if unsaid is None else unsaid
    if len(left_open) != len(tags):
        raise ValueError(f"{len(tags)} tags go with as many unsaid classes, not {len(left_open)}")
    targets = torch.zeros(len(tags), len(classes))
    for row, names, unknown in zip(targets, tags, left_open, strict=True):
        if names is None:
            row.fill_(torch.nan)
            continue
        for place, name in enumerate(classes):
            if name in names:
                row[place] = 1
            elif name in unknown:
                row[place] = torch.nan
    return targets


class TaggedImages(Dataset[TaggedExample]):
    """An endless stream of tagged images; item ``draw`` depends on ``seed`` and ``draw`` only.

    Args:
        records: N images, with the classes of which nobody said whether they are there.
        tags: names of the classes in each, as in ``tag_targets``.
        classes: the L classes.
        frame: what the network sees.
        augmentation: how an image is varied.
        seed: fixes every choice.
        store: where decoded images are kept; None: nowhere.
        augment: whether drawn images are varied; False: each is shown whole and unchanged.

    Attributes:
        records: as given.
        tags: (N, L) float32, as ``tag_targets``.

    Raises:
        DataError: there is no record.
        ValueError: ``tags`` are not as many as ``records``.
    """

    def __init__(
        self,
        records: Sequence[Record],
        tags: Sequence[frozenset[str] | None],
        *,
        classes: ClassList,
        frame: Frame,
        augmentation: AugmentationSettings,
        seed: int,
        store: ImageStore | None = None,
        augment: bool = True,
    ) -> None:
        if not records:
            raise DataError("there is no image with tags to train from")
        if len(records) != len(tags):
            raise ValueError(f"{len(records)} records go with as many tags, not {len(tags)}")
        self.records = records
        self.tags = tag_targets(tags, classes, [record.unsaid for record in records])
        self._frame = frame
        self._augmentation = augmentation
        self._seed = seed
        self._draws = Draws(len(records), seed)
        self._store = store or ImageStore(0)
        self._augment = augment

    def __getitem__(self, draw: int) -> TaggedExample:
        """Return the example of a draw, counted from 0 without end.

        Raises:
            DataError: its image cannot be read.
        """
        _, index = self._draws.locate(draw)
        return self._example(index, self._draws.generator(draw) if self._augment else None)

    def view(self, index: int, number: int) -> TaggedExample:
        """Return one of the fixed views of an image, the same in every run with this seed.

        Args:
            index: of the record.
            number: of the view; 0: the image whole and unchanged, from 1: varied, whatever
                ``augment`` is. Other records and their order make no difference.

        Raises:
            DataError: the image cannot be read.
            ValueError: ``number`` is negative.
        """
        if number < 0:
            raise ValueError(f"views are counted from 0; this one is {number}")
        name = self.records[index].name
        return self._example(index, view_generator(self._seed, name, number) if number else None)

    def _example(self, index: int, rng: np.random.Generator | None) -> TaggedExample:
        image = self._store.image(self.records[index].image)
        if rng is None:
            return TaggedExample(self._frame.image(image), self.tags[index])
        view = choose_view(
            whole((image.shape[0], image.shape[1])),
            side=self._frame.side,
            settings=self._augmentation,
            rng=rng,
        )
        content = jitter_colour(cut_image(image, view), self._augmentation.colour, rng)
        return TaggedExample(self._frame.fill(content), self.tags[index])
