"""Baseline: tags alone; class activation maps of the classification network.

It needs no mask but to choose one level. What it can do: find the classes as well as ours does,
by the same network, and mark the parts of each by which the network knew it, such as a face. What
it cannot do: know where a thing ends, because the loss asks for the positions that the pooling
counts, wherever they lie and however large the thing is; tell parts of two classes at the same
place better than by the larger map; or see finer than the positions of the network, which are the
encoder's stride apart in each view. Along the border of the frame, where the head's kernel does
not reach, the nearest position is repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.errors import DataError
from decouplednet.evaluation.evaluate import read_examples
from decouplednet.evaluation.scores import confusion, mean_iou
from decouplednet.inference.batches import batched
from decouplednet.inference.fuse import normalise
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.procedure import THRESHOLD
from decouplednet.inference.reading import (
    Image,
    Tags,
    asked_classes,
    check_finite,
    distinct,
    evaluating,
    given_classes,
    read_maps,
)
from decouplednet.inference.views import FrameView, frame_views
from decouplednet.networks.classification import Classifier
from decouplednet.networks.precision import mixed_precision
from decouplednet.training.classifier import train_classifier
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.start import start_network

LEVELS = tuple(step / 20 for step in range(1, 20))
"""The levels among which the masks choose."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActivationMapPredictor:
    """Give each pixel the identified class whose map is largest there, if it is above a level.

    The map of a class is its score at every position before the pooling, brought to the image's
    size, averaged over scales and mirrored views, and stretched to 0 to 1 over the image.

    Args:
        network: on ``device``, trained from tags.
        classes: L of them, in the order of the network's scores.
        others: what pixels of classes that are not its own were in training.
        frame: how the network sees an image.
        device: where to compute.
        kernel: side of the head's kernel, in positions.
        level: a pixel is background where no map exceeds it, in [0, 1].
        threshold: a class is identified above this probability, in [0, 1].
        scales: sides of the frame beside its own at which maps are computed, as its multiples; see
            ``frame_views``.
        mirrored: whether maps are also computed of the mirrored image.
        precision: type of the matrix products; None for float32 throughout.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, for
        the idea. Differs: the head has two layers before the score, and pools as it is told.
    """

    network: Classifier
    classes: ClassList
    others: Literal["ignore", "background"]
    frame: Frame
    device: torch.device
    kernel: int
    level: float = 0.5
    threshold: float = THRESHOLD
    scales: tuple[float, ...] = (1.5,)
    mirrored: bool = True
    precision: torch.dtype | None = None

    @property
    def parameters(self) -> int:
        """Number of weights that predict; running statistics do not count."""
        return sum(parameter.numel() for parameter in self.network.parameters())

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
                given several times, with other tags, is computed once.
            tags: for each image the classes known to be in it, which replace the gate, or None
                for the gate; None: the gate for all.
            class_maps: also return the map of each identified class.

        Raises:
            DataError: an image is no RGB array, or a tag is no class of the network.
            ModelError: the network's output is not finite.
        """
        given = given_classes(images, tags, self.classes)
        if not images:
            return []
        seen, place = distinct(images)
        probability, maps = self.see(seen)
        probability, maps = probability[place], [maps[at] for at in place]
        asked = asked_classes(probability > self.threshold, given)
        return [
            read_maps(
                [normalise(torch.full_like(of_image[0], self.level), of_image[row])],
                row,
                scores,
                self.classes,
                keep=class_maps,
            )
            for of_image, row, scores in zip(maps, asked, probability, strict=True)
        ]

    def see(self, images: Sequence[Image]) -> tuple[Tensor, list[Tensor]]:
        """Return (B, L) probabilities, and for each image its (L, H, W) maps in [0, 1].

        Args:
            images: B arrays (H, W, 3) uint8 RGB, of any sizes.

        Raises:
            DataError: an image is no RGB array.
            ModelError: the network's output is not finite.
        """
        with evaluating(self.network), torch.inference_mode():
            first, *others = self._views()
            plain = self._position_scores(images, first)
            check_finite(plain, "class scores")
            maps = self._at_image_size(plain, images, first)
            for view in others:
                scores = self._position_scores(images, view)
                for total, other in zip(
                    maps, self._at_image_size(scores, images, view), strict=True
                ):
                    total += other
            return self.network.head.pooling.pool(plain).sigmoid(), [stretch(each) for each in maps]

    def _views(self) -> tuple[FrameView, ...]:
        stride = self.network.encoder.stride
        return frame_views(
            self.frame,
            scales=(1.0, *self.scales),
            flip=self.mirrored,
            stride=stride,
            least=stride * self.network.head.reach,
        )

    def _position_scores(self, images: Sequence[Image], view: FrameView) -> Tensor:
        """Return (B, L, rows, columns) scores."""
        batch = torch.stack([view.image(image) for image in images]).to(self.device)
        with mixed_precision(self.device, self.precision):
            pool5 = self.network.encoder.encode(batch).pool5
            return self.network.head.trace(pool5)[1].score_map.float()

    def _at_image_size(
        self, scores: Tensor, images: Sequence[Image], view: FrameView
    ) -> list[Tensor]:
        spread = over_the_frame(scores, self.kernel, view.frame.side)
        return [
            view.restore(of_image, image) for of_image, image in zip(spread, images, strict=True)
        ]


def over_the_frame(scores: Tensor, kernel: int, side: int) -> Tensor:
    """Return scores of positions as (B, L, side, side): each where the middle of its kernel is.

    Args:
        scores: (B, L, rows, columns), one for each place of an unpadded kernel on the pool5 grid.
        kernel: its side, odd, in positions of that grid.
        side: of the frame, in pixels.
    """
    margin = (kernel - 1) // 2
    grid = F.pad(scores, (margin, margin, margin, margin), mode="replicate")
    return F.interpolate(grid, (side, side), mode="bilinear", align_corners=False)


def stretch(maps: Tensor) -> Tensor:
    """Return (L, H, W) maps whose least and largest values are 0 and 1; an even map becomes 0."""
    least, largest = maps.aminmax(dim=-1)
    least, largest = least.amin(dim=-1)[:, None, None], largest.amax(dim=-1)[:, None, None]
    span = largest - least
    return (maps - least) / torch.where(span > 0, span, torch.ones_like(span))


def train_activation_maps(plan: Plan, folder: RunFolder) -> ActivationMapPredictor:
    """Train the classification network from the tags of a run, and return what predicts by it.

    It is stage 1 of ours; a stage that ended before is read back. The masks of the run choose the
    level of background and nothing else.

    Args:
        plan: of the run.
        folder: of the run; its checkpoints and learning curve are written.

    Raises:
        DataError: an image or mask cannot be read.
        TrainingError: see ``train_classifier``.
    """
    network = start_network(plan)
    train_classifier(network, plan, folder)
    predictor = ActivationMapPredictor(
        network=network.classifier.to(plan.machine.device),
        classes=plan.classes,
        others=plan.settings.data.others,
        frame=plan.frame,
        device=plan.machine.device,
        kernel=plan.preset.kernel,
    )
    return replace(predictor, level=choose_level(predictor, plan))


def choose_level(predictor: ActivationMapPredictor, plan: Plan) -> float:
    """Return the level of background with the best mean IoU over the masks that the run may use.

    The classes of each image are given, so that the level answers for places alone. The lowest of
    equal levels wins.

    Args:
        predictor: its own level does not matter.
        plan: of the run; none of its images kept for scoring is read.

    Raises:
        DataError: an image or mask cannot be read.
    """
    classes, failures = plan.classes, list[str]()
    counts = np.zeros((len(LEVELS), len(classes) + 1, len(classes) + 1), np.int64)
    examples = read_examples(predictor, plan.catalogue, plan.roles.masks, failures)
    for batch in batched(examples):
        _, maps = predictor.see([example.image for example in batch])
        for example, of_image in zip(batch, maps, strict=True):
            present = torch.tensor([[[name in example.tags]] for name in classes])
            of_present = of_image.cpu() * present
            largest, winner = (each.numpy() for each in of_present.max(dim=0))
            for count, level in zip(counts, LEVELS, strict=True):
                label_map = np.where(largest > level, winner + 1, 0).astype(np.uint8)
                count += confusion(label_map, example.truth, len(classes))
    if failures:
        raise DataError(failures[0])
    return LEVELS[int(np.argmax([mean_iou(count)[0] for count in counts]))]
