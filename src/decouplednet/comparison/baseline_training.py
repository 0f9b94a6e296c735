"""The baselines as methods of a comparison."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import nn

from decouplednet.comparison.baselines.activation_maps import train_activation_maps
from decouplednet.comparison.baselines.consistency import train_consistency
from decouplednet.comparison.baselines.network import start_one_network
from decouplednet.comparison.baselines.one_network import train_one_network
from decouplednet.comparison.budget import divided_anew
from decouplednet.comparison.method import Contender
from decouplednet.comparison.own_training import SEEN_TWICE, changed_weights, is_short
from decouplednet.inference.reading import PredictsImages
from decouplednet.report.curves import read_curves
from decouplednet.settings import Settings
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.start import start_network


class _Trained(PredictsImages, Protocol):
    """What a baseline's training returns."""

    @property
    def network(self) -> nn.Module:
        """What was trained."""


@dataclass(frozen=True, slots=True)
class BaselineTraining:
    """Train a method that is not ours, on what all methods have in common.

    Args:
        name: what ``--methods`` calls it.
        title: what tables and plots call it.
        uses_tags: whether it learns from the tags of images without masks.
        uses_masks: whether it learns anything from masks, be it only a level of background.
        has_tag_scores: whether its probabilities say which classes are there.
        tuning: what was tuned, how much and on what, as a sentence.
        start: the untrained network of a plan.
        learn: trains and returns what predicts.
        stage: whose minutes are all of the cell's.
        own: settings that differ from those in common, by name as in ``--set``.
        usual: settings that it has where those in common give none, likewise.
        in_short: the same, in cells that are too short for a third stage of ``improved``.
    """

    name: str
    title: str
    uses_tags: bool
    uses_masks: bool
    has_tag_scores: bool
    tuning: str
    start: Callable[[Plan], nn.Module]
    learn: Callable[[Plan, RunFolder], _Trained]
    stage: str
    own: Mapping[str, object] = field(default_factory=dict)
    usual: Mapping[str, object] = field(default_factory=dict)
    in_short: Mapping[str, object] = field(default_factory=dict)

    def settings(self, common: Settings) -> Settings:
        """Return the settings in common and its own, without a stage 3: that is ours."""
        usual = {**self.usual, **(self.in_short if is_short(common) else {})}
        its = common.filled(usual).changed({"self_training.enabled": False, **self.own})
        return divided_anew(its, {self.stage: 1.0}, common)

    def train(self, plan: Plan, folder: RunFolder) -> Contender:
        """Train, going on from what lies in the folder.

        Raises:
            UserError: an image or mask cannot be read, or the training had to stop.
        """
        predictor = self.learn(plan, folder)
        weights = sum(weight.numel() for weight in predictor.network.parameters())
        return Contender(
            predictor=predictor,
            parameters=weights,
            trained_parameters=changed_weights(self.start(plan), predictor.network),
            stages=tuple(curve.stage for curve in read_curves(folder.curves)),
            budgeted=(self.stage,),
            takes_tags=True,
            has_tag_scores=self.has_tag_scores,
        )


ABSENT: dict[str, object] = {"prediction.refinement": "none"}
"""What networks for all classes have not, whatever the recipe gives our own."""
STANDING_STILL: dict[str, object] = {"self_training.trained_groups": 0}
"""What leaves trained convolutions as they are: in 10 minutes on two CPU cores neither network came
to rest while they learnt."""
_LEARNING = (
    "as many groups of convolutions learn as in stage 3 of improved, none where a cell is too "
    "short for that stage, all from scratch"
)
ONE_NETWORK = BaselineTraining(
    name="one-network",
    title="one network for all classes, masks only",
    uses_tags=False,
    uses_masks=True,
    has_tag_scores=False,
    tuning=f"nothing of its own: schedule, windows and augmentation of DecoupledNet's stage 2; "
    f"{_LEARNING}",
    start=start_one_network,
    learn=train_one_network,
    stage="segmenter",
    own=ABSENT,
    usual=SEEN_TWICE,
    in_short=STANDING_STILL,
)
ACTIVATION_MAPS = BaselineTraining(
    name="activation-maps",
    title="class activation maps, tags",
    uses_tags=True,
    uses_masks=True,
    has_tag_scores=True,
    tuning="the level of background, on the masks of the cell; the pooling, the mean of the "
    "highest quarter of the positions, was chosen by the tags of the dev split for all methods "
    "with a head of ours that may leave the paper",
    start=lambda plan: start_network(plan).classifier,
    learn=train_activation_maps,
    stage="classifier",
    own={
        "classifier.pooling": "top-k",
        "classifier.pooling_sharpness": None,
        "classifier.pooling_top_share": None,
    },
)
CONSISTENCY = BaselineTraining(
    name="consistency",
    title="consistency training, masks + images",
    uses_tags=False,
    uses_masks=True,
    has_tag_scores=False,
    tuning="nothing: weights and threshold as published, the share of updates before unlabelled "
    f"images are used was set once; {_LEARNING}",
    start=start_one_network,
    learn=train_consistency,
    stage="segmenter",
    own=ABSENT,
    usual=SEEN_TWICE,
    in_short=STANDING_STILL,
)
