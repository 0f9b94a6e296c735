"""Drawn masks and pseudo-masks, mixed at a fixed rate."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from decouplednet.dataset.masked import MaskedExample, MaskedImages


class MixedExample(NamedTuple):
    """An example and how much its pixels count.

    Attributes:
        example: from a drawn mask or a pseudo-mask.
        weight: () float32, at least 0.
    """

    example: MaskedExample
    weight: Tensor


class MixedImages(Dataset[MixedExample]):
    """An endless stream in which every so-manieth example has a drawn mask.

    Each of the two streams is met in its own order without a gap, so that every image has its turn
    in every pass.

    Args:
        drawn: examples of drawn masks; their pixels count 1.
        pseudo: examples of pseudo-masks; None: every example has a drawn mask.
        drawn_share: share of the examples with drawn masks where there are others, in (0, 1).
        pseudo_weight: how much the pixels of a pseudo-mask count, at least 0.
    """

    def __init__(
        self,
        drawn: MaskedImages,
        pseudo: MaskedImages | None,
        *,
        drawn_share: float,
        pseudo_weight: float,
    ) -> None:
        self._drawn = drawn
        self._pseudo = pseudo
        self._drawn_share = drawn_share
        self._pseudo_weight = pseudo_weight

    def __getitem__(self, draw: int) -> MixedExample:
        """Return the example of a draw, counted from 0 without end.

        Raises:
            DataError: its image or its mask cannot be read.
        """
        if self._pseudo is None:
            return MixedExample(self._drawn[draw], torch.tensor(1.0))
        drawn_before = self._drawn_before(draw)
        if self._drawn_before(draw + 1) > drawn_before:
            return MixedExample(self._drawn[drawn_before], torch.tensor(1.0))
        example = self._pseudo[draw - drawn_before]
        return MixedExample(example, torch.tensor(self._pseudo_weight))

    def _drawn_before(self, draw: int) -> int:
        return math.floor(draw * self._drawn_share)
