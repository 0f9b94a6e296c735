"""From images to predictions with one network for all classes, averaged over views."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from decouplednet.classes import ClassList
from decouplednet.comparison.baselines.pixel_network import PixelNetwork
from decouplednet.inference.fuse import normalise
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.reading import (
    Image,
    Tags,
    check_finite,
    distinct,
    evaluating,
    given_classes,
    read_maps,
)
from decouplednet.inference.views import FrameView, frame_views
from decouplednet.networks.precision import mixed_precision
from decouplednet.training.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelPredictor:
    """Give each pixel the class of the largest probability, among all or among the tags.

    Args:
        network: on ``device``.
        classes: L of them, in the order of the network's scores.
        others: what pixels of classes that are not its own were in training.
        views: in which the network sees an image, at least one.
        device: where to compute.
        precision: type of the matrix products; None for float32 throughout.
    """

    network: PixelNetwork
    classes: ClassList
    others: Literal["ignore", "background"]
    views: tuple[FrameView, ...]
    device: torch.device
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

        The probabilities of a pixel are the mean over all views. The score of a class is its
        largest over the image's pixels, whatever the tags say. Identified are the given tags,
        else the classes that win a pixel.

        Args:
            images: B arrays (H, W, 3) uint8 RGB, of any sizes; they are seen together. One that is
                given several times, with other tags, is computed once.
            tags: for each image the classes known to be in it, of which no other can win a pixel,
                or None: every class can; None: of no image.
            class_maps: also return the map of each identified class.

        Raises:
            DataError: an image is no RGB array, or a tag is no class of the network.
            ModelError: the network's output is not finite.

        Source:
            Absent classes are vetoed as in Bae et al., IJCAI 2022 (PAPER.md, later work).
        """
        given = given_classes(images, tags, self.classes)
        if not images:
            return []
        seen, place = distinct(images)
        with evaluating(self.network), torch.inference_mode():
            softmax = [self._softmax(view, seen) for view in self.views]
            return [
                self._prediction(self._mean(of_views, image), tagged, keep=class_maps)
                for image, tagged, *of_views in zip(
                    images, given, *(of_view[place] for of_view in softmax), strict=True
                )
            ]

    def _softmax(self, view: FrameView, images: Sequence[Image]) -> Tensor:
        """Return the (B, L + 1, side, side) probabilities of images in one view."""
        batch = torch.stack([view.image(image) for image in images]).to(self.device)
        with mixed_precision(self.device, self.precision):
            score = self.network(batch)
        softmax: Tensor = score.float().softmax(dim=1)
        check_finite(softmax, "probabilities")
        return softmax

    def _mean(self, softmax: Sequence[Tensor], image: Image) -> Tensor:
        """Return the (L + 1, H, W) mean of an image's probabilities over all views."""
        pairs = zip(self.views, softmax, strict=True)
        return torch.stack([view.restore(of_view, image) for view, of_view in pairs]).mean(dim=0)

    def _prediction(self, mean: Tensor, given: list[int] | None, *, keep: bool) -> Prediction:
        asked = torch.zeros(len(self.classes), dtype=torch.bool, device=mean.device)
        asked[_winners(mean) if given is None else given] = True
        maps = normalise(mean[0], mean[1:][asked])
        probability = mean[1:].flatten(1).amax(dim=1).clamp(0, 1)
        return read_maps([maps], asked, probability, self.classes, keep=keep)


def _winners(probability: Tensor) -> list[int]:
    """Return the places, from 0, of the classes that win a pixel of (L + 1, H, W)."""
    found: list[int] = torch.unique(probability.argmax(dim=0)).tolist()
    return [index - 1 for index in found if index]


def pixel_predictor(network: PixelNetwork, plan: Plan) -> PixelPredictor:
    """Return what predicts with a trained network, on the device of the run.

    It sees images in the views that ``[prediction]`` of the run gives, as our own networks do, with
    sides that it can take and that are no smaller than the run's preset can.

    Args:
        network: trained.
        plan: of the run.
    """
    prediction, preset = plan.settings.prediction, plan.preset
    return PixelPredictor(
        network=network.to(plan.machine.device),
        classes=plan.classes,
        others=plan.settings.data.others,
        views=frame_views(
            plan.frame,
            scales=prediction.scales,
            flip=prediction.flip,
            stride=network.stride,
            least=preset.stride * preset.kernel,
        ),
        device=plan.machine.device,
    )
