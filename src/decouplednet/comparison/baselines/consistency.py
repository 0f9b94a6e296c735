"""Baseline: consistency training, from the masks and from all images without their tags.

Where a network is sure of a pixel in a weakly varied view, it learns to say the same of strongly
varied ones. Written from the idea of UniMatch, not from its code.

Source: Yang, Qi, Feng, Zhang and Shi, "Revisiting Weak-to-Strong Consistency in Semi-Supervised
    Semantic Segmentation", CVPR 2023. Read were its abstract and, of its public repository, the
    README, the settings for PASCAL VOC (threshold 0.95, as many images without masks as with) and
    the author's answers in issues 14, 19, 20 and 45: weights of the losses, one weak view for two
    strong ones, dropout on the features of the weak view alone. How strong views vary was read in
    forks of it.
Differs: network, optimiser and windows are the project's. A share of the updates trains the network
    from masks alone first, so that its labels are worth learning and its supervised part is as well
    trained as the baseline's without consistency. Patches come from the image before in the step.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from decouplednet.annotations.record import Record
from decouplednet.comparison.baselines.network import OneNetwork, start_one_network
from decouplednet.comparison.baselines.one_network import train_from_masks
from decouplednet.comparison.baselines.perturbation import StrongSettings, paste
from decouplednet.comparison.baselines.pixel_stage import PixelStage, encoder_rate, run_stage
from decouplednet.comparison.baselines.prediction import PixelPredictor, pixel_predictor
from decouplednet.comparison.baselines.sure_pixels import sure_classes, sure_loss
from decouplednet.comparison.baselines.views import STRONG_VIEWS, PairedExample, PairedImages, Views
from decouplednet.dataset.masked import ClassExample, ClassImages
from decouplednet.dataset.store import ImageStore
from decouplednet.inference.reading import evaluating
from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.estimate import STORE_BYTES
from decouplednet.training.losses import mask_loss
from decouplednet.training.pace import scheduled_updates
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.segmenter import masked_images, split_held_out

STAGE = "consistency"
TITLE = "consistency, masks and images"
FEWEST_IMAGES = 2  # of a step: a patch comes from another image


class ConsistencySettings(BaseModel):
    """How consistency is trained; what is not said here is as in ``[segmenter]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    supervised_share: float = Field(
        0.5, gt=0, lt=1, description="share of the segmenter's updates that see masks alone, first"
    )
    updates: PositiveInt | None = Field(
        None, description="updates with consistency; None: the rest of the segmenter's"
    )
    learning_rate_share: float = Field(
        0.5, gt=0, le=1, description="their first step size, as a share of the segmenter's"
    )
    threshold: float = Field(
        0.95, ge=0, le=1, description="least probability of a class to be sure of"
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="share of the encoder's channels dropped in the weak view"
    )
    feature_weight: float = Field(0.5, ge=0, description="of the loss with dropped channels")
    image_weight: float = Field(0.5, ge=0, description="of the loss of the strong views together")
    ramp: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the updates with consistency over which both weights rise from 0",
    )
    smallest_window: float = Field(
        0.5, gt=0, le=1, description="least share of an image's height and width in its views"
    )
    strong: StrongSettings = StrongSettings()


class ConsistencyStage(PixelStage):
    """Train one network for all classes from masks and from its own answers.

    Args:
        network: trained already; its frozen groups stay as they are.
        settings: the schedule.
        consistency: weights and thresholds.
        seed: fixes what is random in a step.
        encoder_rate: share of the step size of the convolutions that learn.
    """

    network: OneNetwork

    def __init__(
        self,
        network: OneNetwork,
        settings: SegmenterSettings,
        consistency: ConsistencySettings,
        *,
        seed: int,
        encoder_rate: float,
    ) -> None:
        super().__init__(
            network, settings, name=STAGE, title=TITLE, seed=seed, encoder_rate=encoder_rate
        )
        self.consistency = consistency

    def loss(self, batch: PairedExample) -> Tensor:
        """Return half the loss of the masks and half that of the views.

        Source: the author's answer in the repository's issue 20: (l_x + 0.5 l_s + 0.5 l_fp) / 2.
        """
        chosen = self.consistency
        target = self._labels(batch.views)
        supervised, feature = self._weak_losses(batch.labelled, batch.views, target)
        strong = self._strong_loss(batch.views, target)
        risen = ramp_factor(self.global_step, chosen.ramp * scheduled_updates(self.settings))
        views = chosen.feature_weight * feature + chosen.image_weight * strong
        return (supervised + risen * views) / 2

    def _labels(self, views: Views) -> Tensor:
        """Return (B, H, W) what the network is sure of in the weak views; 255 elsewhere."""
        with evaluating(self.network), torch.no_grad():
            score = self.network(views.weak)
        return sure_classes(score, views.seen, self.consistency.threshold)

    def _weak_losses(
        self, labelled: ClassExample, views: Views, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of the masked images, and of the weak views with dropped channels."""
        count = len(labelled.image)
        encoded = self.network.encode(torch.cat([labelled.image, views.weak]))
        dropped = F.dropout2d(encoded.pool5[count:], self.consistency.dropout)
        pool5 = torch.cat([encoded.pool5[:count], dropped])
        score = self.network.decode(replace(encoded, pool5=pool5))
        return (
            mask_loss(score[:count], labelled.target),
            sure_loss(score[count:], target, views.seen),
        )

    def _strong_loss(self, views: Views, target: Tensor) -> Tensor:
        """Return the loss of the strong views, each with its patches."""
        patches = [views.patch[:, view] for view in range(STRONG_VIEWS)]
        images = [paste(views.strong[:, view], patch) for view, patch in enumerate(patches)]
        targets = [paste(target, patch) for patch in patches]
        seen = [paste(views.seen, patch) for patch in patches]
        return sure_loss(self.network(torch.cat(images)), torch.cat(targets), torch.cat(seen))


def ramp_factor(update: int, length: float) -> float:
    """Return the share of their weight that the views have at an update, counted from 0.

    Args:
        update: its number.
        length: updates over which the share rises to 1, in even steps.
    """
    return min(1.0, (update + 1) / (length + 1))


def train_consistency(
    plan: Plan, folder: RunFolder, settings: ConsistencySettings | None = None
) -> PixelPredictor:
    """Train one network for all classes with consistency, and return what predicts.

    First the masks alone train it, on a schedule that ends, as ``train_one_network`` does; then
    masks and images without masks together, on a second schedule. The same groups of convolutions
    learn in both. A stage that ended before is read back, one that was interrupted goes on.

    Args:
        plan: of the run.
        folder: of the run; its checkpoints and learning curve are written.
        settings: of the second part, and how the updates are shared; None: the defaults.

    Raises:
        DataError: an image or mask cannot be read, or no mask holds a chosen class.
        TrainingError: see ``fit``; or too few masks to hold some out, or what a stage left behind
            is damaged.
    """
    settings = settings or ConsistencySettings()
    first, second = schedules(plan.settings.segmenter, settings)
    network = start_one_network(plan)
    train_from_masks(network, first, plan, folder)
    seed = plan.settings.seed
    train, held_out = split_held_out(plan.roles.masks, second.held_out, seed)
    labelled = ClassImages(masked_images(plan, train))
    examples = PairedImages(
        labelled,
        images_without_masks(plan),
        frame=plan.frame.model_copy(update={"side": plan.window_side}),
        settings=second,
        strong=settings.strong,
        smallest_window=settings.smallest_window,
        seed=seed,
        store=ImageStore(STORE_BYTES),
    )
    stage = ConsistencyStage(
        network, second, settings, seed=seed, encoder_rate=encoder_rate(plan.settings)
    )
    run_stage(
        stage,
        examples,
        plan,
        folder,
        labelled=labelled,
        held_out=held_out,
        fewest=max(FEWEST_IMAGES, plan.fewest_images(plan.window_side)),
    )
    return pixel_predictor(network, plan)


def images_without_masks(plan: Plan) -> Sequence[Record]:
    """Return the tagged images of a run whose masks it may not use; all, where it may use each."""
    masked = frozenset(plan.roles.masks)
    return tuple(one for one in plan.roles.tags if one not in masked) or plan.roles.tags


def schedules(
    whole: SegmenterSettings, settings: ConsistencySettings
) -> tuple[SegmenterSettings, SegmenterSettings]:
    """Return the schedule of the updates from masks alone, and of those with consistency.

    Args:
        whole: the segmenter's.
        settings: how it is shared.
    """
    updates = scheduled_updates(whole)
    first = with_updates(whole, max(1, round(settings.supervised_share * updates)))
    second = with_updates(whole, settings.updates or max(1, updates - scheduled_updates(first)))
    rate = settings.learning_rate_share * whole.learning_rate
    return first, second.model_copy(update={"learning_rate": rate})


def with_updates(whole: SegmenterSettings, updates: int) -> SegmenterSettings:
    """Return settings with another number of updates, cuts of the step size and minutes alike."""
    share = updates / scheduled_updates(whole)
    cuts, minutes = whole.decay_every, whole.minutes
    return whole.model_copy(
        update={
            "updates": updates,
            "decay_every": None if cuts is None else max(1, round(share * cuts)),
            "minutes": None if minutes is None else share * minutes,
        }
    )
