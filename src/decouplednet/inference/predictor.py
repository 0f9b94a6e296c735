"""From images to predictions: each image is encoded once, each identified class decoded once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import torch
from torch import Tensor

from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.errors import SettingsError
from decouplednet.inference.fuse import normalise
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.reading import (
    Image,
    Tags,
    asked_classes,
    check_finite,
    evaluating,
    given_classes,
    read_maps,
    size_of,
)
from decouplednet.networks.classification import Traced
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.precision import mixed_precision
from decouplednet.networks.saliency import tag_weights

THRESHOLD = 0.5
"""A class is identified above this probability (PAPER.md, inference)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictor:
    """Predict images with a network as it stands; its training mode is given back afterwards.

    Args:
        network: on ``device``.
        classes: L of them, in the order of the network's scores.
        frame: how the network sees an image.
        device: where to compute.
        precision: type of the matrix products; None for float32 throughout.
        threshold: a class is identified above this probability, in [0, 1].
        maps_at_once: most class passes computed together, which bounds the memory.
        others: what pixels of classes that are not the model's were in training.

    Raises:
        SettingsError: the threshold or the number of maps is out of range.
    """

    network: DecoupledNet
    classes: ClassList
    frame: Frame
    device: torch.device
    precision: torch.dtype | None = None
    threshold: float = THRESHOLD
    maps_at_once: int = 16
    others: Literal["ignore", "background"] = "ignore"

    def __post_init__(self) -> None:
        """Refuse numbers that would predict nothing sensible."""
        if not isinstance(self.threshold, Real) or not 0 <= self.threshold <= 1:
            raise SettingsError(f"threshold = {self.threshold!r}: a probability lies in 0 to 1")
        if self.maps_at_once < 1:
            raise SettingsError(f"maps_at_once = {self.maps_at_once}: at least 1")

    def predict(
        self,
        images: Sequence[Image],
        tags: Sequence[Tags] | None = None,
        *,
        class_maps: bool = True,
    ) -> list[Prediction]:
        """Return what is in each image and where, at its own size.

        Args:
            images: B arrays (H, W, 3) uint8 RGB, of any sizes; they are seen together.
            tags: for each image the classes known to be in it, which replace the gate, or None
                for the gate; None: the gate for all.
            class_maps: also return the map of each identified class; without them large images
                take less memory.

        Raises:
            DataError: an image is no RGB array, or a tag is no class of the model.
            ModelError: the network's output is not finite.
        """
        given = given_classes(images, tags, self.classes)
        if not images:
            return []
        with evaluating(self.network), torch.inference_mode():
            batch = torch.stack([self.frame.image(image) for image in images]).to(self.device)
            traced, probability = self._see(batch)
            asked = asked_classes(probability > self.threshold, given)
            maps = self._maps(traced, tag_weights(probability, asked), asked)
            return [
                self._prediction(*each, keep=class_maps)
                for each in zip(images, probability, asked, maps, strict=True)
            ]

    def _see(self, batch: Tensor) -> tuple[Traced, Tensor]:
        """Return what the classifier made of the images, and (B, L) probabilities."""
        with mixed_precision(self.device, self.precision):
            traced = self.network.see(batch)
        probability = traced.score.float().sigmoid()
        check_finite(probability, "class scores")
        return traced, probability

    def _maps(self, traced: Traced, weights: Tensor, asked: Tensor) -> Iterator[Tensor]:
        """Yield for each image its (K + 1, side, side) normalised maps, background first."""
        image_index, wanted = _passes(asked)
        softmax = self._decode(traced, image_index, weights[image_index] * wanted)
        for image in range(len(asked)):
            of_image = softmax[image_index == image]
            if not len(of_image):
                yield softmax.new_ones(1, self.frame.side, self.frame.side)
                continue
            # The joint pass comes last; the only pass of a single class is its own joint pass.
            classes = int(asked[image].sum())
            yield normalise(of_image[-1, 0], of_image[:classes, 1])

    def _decode(self, traced: Traced, image_index: Tensor, seed: Tensor) -> Tensor:
        """Return (M, 2, side, side) softmax of M passes, ``maps_at_once`` at a time."""
        side = self.frame.side
        softmax = seed.new_empty(len(seed), 2, side, side)
        for start in range(0, len(seed), self.maps_at_once):
            part = slice(start, start + self.maps_at_once)
            with mixed_precision(self.device, self.precision):
                g = self.network.activation(traced, image_index[part], seed[part])
                score = self.network.decode(g, traced, image_index[part])
            softmax[part] = score.float().softmax(dim=1)
        check_finite(softmax, "class maps")
        return softmax

    def _prediction(
        self, image: Image, probability: Tensor, asked: Tensor, maps: Tensor, *, keep: bool
    ) -> Prediction:
        """Return the prediction of one image from its (K + 1, side, side) normalised maps."""
        restored = self.frame.restore(maps, self.frame.place(size_of(image)))
        return read_maps(restored, asked, probability, self.classes, keep=keep)


def _passes(asked: Tensor) -> tuple[Tensor, Tensor]:
    """Return the class passes that images need: each class alone, then all together if several.

    Args:
        asked: (B, L) bool.

    Returns:
        (M,) int64 image of each pass, and (M, L) bool the classes it asks for; of one image the
        single passes come in the order of the classes, and the joint pass last.
    """
    image_index, label = asked.nonzero(as_tuple=True)
    alone = torch.nn.functional.one_hot(label, asked.shape[1]).bool()
    several = (asked.sum(dim=1) > 1).nonzero()[:, 0]
    return torch.cat([image_index, several]), torch.cat([alone, asked[several]])
