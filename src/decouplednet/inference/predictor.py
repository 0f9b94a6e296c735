"""From images to predictions: each image is encoded once, each identified class decoded once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.errors import ModelError, SettingsError
from decouplednet.inference.fuse import normalise
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.reading import (
    Image,
    Tags,
    asked_classes,
    check_finite,
    distinct,
    evaluating,
    given_classes,
    read_maps,
    size_of,
)
from decouplednet.inference.refinement import radius_in_pixels, reach, refine
from decouplednet.inference.strips import strips, widened
from decouplednet.inference.views import FrameView, frame_views
from decouplednet.networks.classification import Traced
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.precision import mixed_precision
from decouplednet.networks.ranges import ranges_of


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the classifier made of one view of B images."""

    view: FrameView
    traced: Traced


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictor:
    """Predict images with a network as it stands; its training mode is given back afterwards.

    Args:
        network: on ``device``.
        classes: L of them, in the order of the network's scores.
        frame: how the network sees an image.
        device: where to compute.
        precision: type of the matrix products; None for float32 throughout.
        threshold: a class is identified above this probability, in [0, 1]; None: above the one, or
            those of each class, of the procedure.
        procedure: how scores are read and in which views images are seen.
        maps_at_once: most class passes computed together, which bounds the memory; the CPU decodes
            fewer of them at once where they are large, see ``DecoupledNet.softmax``.
        others: what pixels of classes that are not the model's were in training.

    Raises:
        SettingsError: the threshold or the number of maps is out of range.
        ModelError: the precision is int8, and no range of the network is known.
    """

    network: DecoupledNet
    classes: ClassList
    frame: Frame
    device: torch.device
    precision: torch.dtype | None = None
    threshold: float | None = None
    procedure: Procedure = field(default_factory=Procedure)
    maps_at_once: int = 16
    others: Literal["ignore", "background"] = "ignore"

    def __post_init__(self) -> None:
        """Refuse numbers that would predict nothing sensible."""
        given = self.threshold
        if given is not None and not (isinstance(given, Real) and 0 <= given <= 1):
            raise SettingsError(f"threshold = {given!r}: a probability lies in 0 to 1")
        if self.maps_at_once < 1:
            raise SettingsError(f"maps_at_once = {self.maps_at_once}: at least 1")
        if self.precision is torch.int8 and not ranges_of(self.network):
            raise ModelError(
                "precision int8: the model knows no ranges of its activations; measure them with "
                "decouplednet prepare-int8 MODEL IMAGES, or choose bf16"
            )

    def predict(
        self,
        images: Sequence[Image],
        tags: Sequence[Tags] | None = None,
        *,
        class_maps: bool = True,
    ) -> list[Prediction]:
        """Return what is in each image and where, at its own size.

        Args:
            images: B arrays (H, W, 3) uint8 RGB, of any sizes; they are seen together. One that is
                given several times, with other tags, is encoded once.
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
            seen, place = distinct(images)
            views = [self._see(view, seen) for view in self.views()]
            probability = self._probability(views)[place]
            identified = self.procedure.identified(probability, self.threshold)
            asked = asked_classes(identified, given)
            claims = self._claims(probability, asked, given)
            weights = self.network.bridge.seed(probability, asked)
            maps = [self._maps(view, place, weights, asked, claims) for view in views]
            of_images = zip(images, zip(*maps, strict=True), asked, probability, strict=True)
            return [
                read_maps(
                    self._strips(views, of_views, image),
                    wanted,
                    told,
                    self.classes,
                    keep=class_maps,
                )
                for image, of_views, wanted, told in of_images
            ]

    def scores(self, images: Sequence[Image]) -> Tensor:
        """Return the (B, L) class scores of images, before any calibration and the sigmoid.

        Args:
            images: as for ``predict``, at least one.

        Raises:
            DataError: an image is no RGB array.
            ModelError: the network's output is not finite.
        """
        return self.scores_and_pool5(images)[0]

    def scores_and_pool5(self, images: Sequence[Image]) -> tuple[Tensor, Tensor]:
        """Return the class scores of images, and what the encoder made of them.

        Args:
            images: as for ``predict``, at least one.

        Returns:
            (B, L) as from ``scores``, and (B, C, h, w) float32 pool5 in the first view.

        Raises:
            DataError: an image is no RGB array.
            ModelError: the network's output is not finite.
        """
        with evaluating(self.network), torch.inference_mode():
            seen = [self._see(view, images) for view in self.views()]
            score = _mean_score(seen)
        check_finite(score, "class scores")
        return score, seen[0].traced.encoded.pool5.float()

    def views(self) -> tuple[FrameView, ...]:
        """Return the views over which each image is averaged."""
        classifier, procedure = self.network.classifier, self.procedure
        stride = classifier.encoder.stride
        return frame_views(
            self.frame,
            scales=procedure.scales,
            flip=procedure.flip,
            stride=stride,
            least=stride * classifier.head.reach,
        )

    def _see(self, view: FrameView, images: Sequence[Image]) -> _Seen:
        """Return what the classifier makes of one view of each image."""
        batch = torch.stack([view.image(image) for image in images]).to(self.device)
        with mixed_precision(self.device, self.precision):
            traced = self.network.see(batch)
        return _Seen(view, traced)

    def _probability(self, seen: Sequence[_Seen]) -> Tensor:
        """Return the (B, L) probabilities of the mean scores over all views."""
        probability = self.procedure.probability(_mean_score(seen))
        check_finite(probability, "class scores")
        return probability

    def _claims(
        self, probability: Tensor, asked: Tensor, given: Sequence[Sequence[int] | None]
    ) -> Tensor:
        """Return (B, L) how much each class may claim of an image: all where tags are given."""
        claims = [
            torch.ones_like(of_image) if tags is not None else self.procedure.claims(of_image, of)
            for of_image, of, tags in zip(probability, asked, given, strict=True)
        ]
        return torch.stack(claims)

    def _maps(
        self, seen: _Seen, place: Sequence[int], weights: Tensor, asked: Tensor, claims: Tensor
    ) -> Iterator[Tensor]:
        """Yield for each image its (K + 1, side, side) normalised maps, background first.

        Args:
            seen: of the distinct images.
            place: of each image among them.
            weights: (B, L) of each class in f_cls.
            asked: (B, L) bool, the classes that are looked for.
            claims: (B, L) how much each class may claim.
        """
        image_index, wanted = _passes(asked)
        side = seen.view.frame.side
        softmax = self._decode(
            seen,
            image_index.new_tensor(place)[image_index],
            weights[image_index] * wanted,
            asked[image_index],
        )
        for image in range(len(asked)):
            of_image = softmax[image_index == image]
            if not len(of_image):
                yield softmax.new_ones(1, side, side)
                continue
            # The joint pass comes last; the only pass of a single class is its own joint pass.
            claim = claims[image, asked[image]][:, None, None]
            yield normalise(of_image[-1, 0], of_image[: len(claim), 1] * claim)

    def _strips(
        self, seen: Sequence[_Seen], maps: Sequence[Tensor], image: Image
    ) -> Iterator[Tensor]:
        """Yield the maps of an image at its own size, refined where asked for, strip by strip.

        Yields:
            (K + 1, rows, W) each, from the top.
        """
        size, procedure = size_of(image), self.procedure
        guided = procedure.refinement != "none"
        radius = radius_in_pixels(procedure.refinement_radius, size) if guided else 0
        for rows in strips(size, margin := reach(radius)):
            around = widened(rows, margin, size[0])
            mean = _mean_map(seen, maps, image, around)
            if guided:
                pixels = np.ascontiguousarray(image[around.start : around.stop])
                guide = torch.tensor(pixels, device=mean.device)
                mean = refine(mean, guide, radius=radius, contrast=procedure.refinement_contrast)
            yield mean[:, rows.start - around.start : rows.stop - around.start]

    def _decode(self, seen: _Seen, image_index: Tensor, seed: Tensor, present: Tensor) -> Tensor:
        """Return (M, 2, side, side) softmax of M passes, ``maps_at_once`` at a time.

        Classes that are not looked for on an image, (M, L) bool ``present``, are no rivals there.
        """
        side = seen.view.frame.side
        softmax = seed.new_empty(len(seed), 2, side, side)
        for start in range(0, len(seed), self.maps_at_once):
            part = slice(start, start + self.maps_at_once)
            with mixed_precision(self.device, self.precision):
                g = self.network.activation(
                    seen.traced,
                    image_index[part],
                    seed[part],
                    present[part],
                    self.procedure.shown(present[part]),
                )
                softmax[part] = self.network.softmax(g, seen.traced, image_index[part])
        check_finite(softmax, "class maps")
        return softmax


def _mean_score(seen: Sequence[_Seen]) -> Tensor:
    """Return the (B, L) mean over all views of the class scores."""
    return torch.stack([one.traced.score.float() for one in seen]).mean(dim=0)


def _mean_map(seen: Sequence[_Seen], maps: Sequence[Tensor], image: Image, rows: range) -> Tensor:
    """Return the (K + 1, rows, W) mean over all views of an image's maps, at its own size."""
    pairs = zip(seen, maps, strict=True)
    restored = [one.view.restore(of_view, image, rows) for one, of_view in pairs]
    return restored[0] if len(restored) == 1 else torch.stack(restored).mean(dim=0)


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
