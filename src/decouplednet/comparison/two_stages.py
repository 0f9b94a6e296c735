"""The project's own training as a method of a comparison: classes from tags, regions from masks."""

from collections.abc import Callable
from dataclasses import dataclass

from decouplednet.annotations.roles import masks_only
from decouplednet.comparison.features import fill_cache
from decouplednet.comparison.guard import WITH_TAGS, WITHOUT_TAGS
from decouplednet.comparison.method import Contender
from decouplednet.inference.model_folder import save_model
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.vgg import GROUPS
from decouplednet.settings import Settings
from decouplednet.training.plan import Plan, trained_groups
from decouplednet.training.run import train_stages
from decouplednet.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class TwoStages:
    """Train as ``decouplednet train`` does, with settings that differ from those in common.

    Args:
        name: what ``--methods`` calls it.
        title: what tables and plots call it.
        uses_tags: whether its settings leave it the tags of images without masks.
        tuning: what was tuned, how much and on what, as a sentence.
        change: the settings of its run, from those that all methods have in common.
    """

    name: str
    title: str
    uses_tags: bool
    tuning: str
    change: Callable[[Settings], Settings]

    @property
    def uses_masks(self) -> bool:
        """Its second stage learns from masks."""
        return True

    def settings(self, common: Settings) -> Settings:
        """Return the settings of its run."""
        return self.change(common)

    def train(self, plan: Plan, folder: RunFolder) -> Contender:
        """Train both stages, going on from what lies in the folder.

        Raises:
            UserError: as ``training.run.train``.
        """
        fill_cache(plan, folder)
        segmenter = train_stages(plan, folder, folder.read_facts())
        save_model(folder.model, segmenter)
        segmenter.network.to(plan.machine.device)
        frozen = GROUPS - trained_groups(plan.settings)
        return Contender(
            predictor=segmenter,
            parameters=sum(weight.numel() for weight in segmenter.network.parameters()),
            trained_parameters=_above(segmenter.network, frozen),
            stages=("classifier", "segmenter"),
            takes_tags=True,
            has_tag_scores=True,
        )


def _above(network: DecoupledNet, frozen_groups: int) -> int:
    """Return the weights of a network without those of its lowest groups of convolutions."""
    still = {
        id(weight)
        for group in range(frozen_groups)
        for layer in network.classifier.encoder.group(group)
        for weight in layer.parameters()
    }
    return sum(weight.numel() for weight in network.parameters() if id(weight) not in still)


def _as_they_are(common: Settings) -> Settings:
    return common


def _masks_only(common: Settings) -> Settings:
    return common.model_copy(update={"data": masks_only(common.data)})


DECOUPLEDNET = TwoStages(
    name=WITH_TAGS,
    title="DecoupledNet, tags + masks",
    uses_tags=True,
    tuning="the recipe as given; those of this project were chosen in five single runs over side, "
    "weights of rare classes and updates",
    change=_as_they_are,
)
MASKS_ONLY = TwoStages(
    name=WITHOUT_TAGS,
    title="DecoupledNet, masks only",
    uses_tags=False,
    tuning="nothing of its own: settings and schedule of DecoupledNet with tags",
    change=_masks_only,
)
