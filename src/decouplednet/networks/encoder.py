"""What every encoder can do: VGG-16's convolutions, and a backbone of transformers."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from decouplednet.networks.at_once import at_once
from decouplednet.networks.folding import may_fold
from decouplednet.networks.part import Part
from decouplednet.networks.vgg import Encoded


class Encoder(Part, Protocol):
    """A module that turns images into features, in groups of layers that follow each other."""

    @property
    def stride(self) -> int:
        """Image pixels per position of ``pool5``; sides of images are multiples of it."""

    @property
    def group_count(self) -> int:
        """How many groups of layers there are, each of which learns as a whole."""

    def encode(self, image: Tensor) -> Encoded:
        """Return what is made of (B, 3, H, W) images."""

    def run_groups(self, x: Tensor, groups: range) -> Encoded:
        """Return what some consecutive groups make of a batch.

        Args:
            x: the output of the group before, or (B, 3, H, W) images for group 0.
            groups: which, counted from 0; none returns ``x``.
        """

    def group(self, number: int) -> list[nn.Module]:
        """Return the layers of one group, counted from 0."""

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """Take weights that someone trained before.

        Raises:
            ModelError: they are those of another encoder.
        """


def encode_in_turn(encoder: Encoder, image: Tensor) -> Encoded:
    """Return what an encoder makes of (B, 3, H, W) images; for prediction a few at a time.

    Args:
        encoder: computes it.
        image: at least one.
    """
    count, _, height, width = image.shape
    few = at_once(count, height, width, image.device) if may_fold(encoder) else count
    if few >= count:
        return encoder.encode(image)
    parts = [encoder.encode(part) for part in torch.split(image, few)]
    return Encoded(
        torch.cat([part.pool5 for part in parts]),
        _joined([part.switches for part in parts]),
        _joined([part.skips for part in parts]),
    )


def _joined(parts: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.cat(of_all) for of_all in zip(*parts, strict=True))
