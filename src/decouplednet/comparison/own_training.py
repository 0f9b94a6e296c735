"""The project's own training as a method of a comparison: classes from tags, regions from masks."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from decouplednet.annotations.roles import masks_only
from decouplednet.comparison.budget import divided_anew, minutes_of_cell
from decouplednet.comparison.guard import WITH_TAGS, WITHOUT_TAGS
from decouplednet.comparison.method import Contender
from decouplednet.inference.model_folder import save_model
from decouplednet.networks.presets import nearest_side, preset_named
from decouplednet.report.curves import read_curves
from decouplednet.settings import PredictionSettings, PresetName, Settings
from decouplednet.training.budget import SHARES, shares_of, stages_of
from decouplednet.training.pace import Clock
from decouplednet.training.plan import Plan
from decouplednet.training.run import train_stages
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.start import start_network
from decouplednet.training.watching import watch_of


@dataclass(frozen=True, slots=True)
class OwnTraining:
    """Train as ``decouplednet train`` does, with settings that differ from those in common.

    Args:
        name: what ``--methods`` calls it.
        title: what tables and plots call it.
        uses_tags: whether its settings leave it the tags of images without masks.
        tuning: what was tuned, how much and on what, as a sentence.
        change: the settings of its run, from those that all methods have in common.
        clock: by which its stages are timed.
    """

    name: str
    title: str
    uses_tags: bool
    tuning: str
    change: Callable[[Settings], Settings]
    clock: Clock = time.perf_counter

    @property
    def uses_masks(self) -> bool:
        """Its stage 2 learns from masks."""
        return True

    def settings(self, common: Settings) -> Settings:
        """Return the settings of its run."""
        return self.change(common)

    def train(self, plan: Plan, folder: RunFolder) -> Contender:
        """Train all stages, going on from what lies in the folder.

        Raises:
            UserError: as ``training.run.train``.
        """
        facts = folder.read_facts()
        watch = watch_of(plan, folder, facts, self.clock, self.clock())
        segmenter = train_stages(plan, folder, facts, watch)
        save_model(folder.model, segmenter)
        segmenter.network.to(plan.machine.device)
        return Contender(
            predictor=segmenter.predictor(),
            parameters=sum(weight.numel() for weight in segmenter.network.parameters()),
            trained_parameters=changed_weights(start_network(plan), segmenter.network),
            stages=tuple(curve.stage for curve in read_curves(folder.curves)),
            budgeted=tuple(stages_of(plan.settings)),
            takes_tags=True,
            has_tag_scores=True,
        )


def changed_weights(before: nn.Module, after: nn.Module) -> int:
    """Return the weights of a trained network in all tensors that are not as they started.

    Args:
        before: the network as it started.
        after: the same, trained.
    """
    start = dict(before.named_parameters())
    return sum(
        weight.numel()
        for name, weight in after.named_parameters()
        if not torch.equal(weight.cpu(), start[name])
    )


LEAST_MINUTES_OF_THREE = 30.0
"""Of a cell: a line between 26, in which three stages scored no more than two on two CPU cores, and
80, in which they did. See "In half an hour" in docs/explanation/what-was-tried.md."""
LEAST_PROBABILITY = 0.1
"""Under a soft veto, a class is looked for from this probability."""
SEEN_TWICE: dict[str, object] = {"prediction.flip": True}
"""The views of each method that may leave the paper, where the recipe gives none."""
_WITH_SKIPS: dict[PresetName, PresetName] = {
    "light": "skip",
    "vgg16": "skip",
    "tiny": "tiny-skip",
}


_WITH_SWITCHES: dict[PresetName, PresetName] = {
    "skip": "light",
    "fast": "light",
    "tiny-skip": "tiny",
}
_ADDED: dict[str, object] = {
    "self_training.enabled": False,
    "data.calibration_share": 0.0,
    "classifier.average": 0.0,
    "classifier.pooling": "max",
    "classifier.pooling_sharpness": None,
    "classifier.pooling_top_share": None,
    "segmenter.average": 0.0,
}
"""What the paper has not, switched off."""


def _faithful(common: Settings) -> Settings:
    """Return two stages and the paper's way to predict, whatever the recipe adds to them."""
    preset = _WITH_SWITCHES.get(common.preset, common.preset)
    two = common.changed(_ADDED | {"preset": preset} | _fitting_sides(common, preset))
    its = two.model_copy(update={"prediction": PredictionSettings()})
    return divided_anew(its, SHARES, common)


def _fitting_sides(common: Settings, preset: PresetName) -> dict[str, object]:
    """Return the given sides, rounded to what a preset can take that replaces the common one."""
    if preset == common.preset:
        return {}
    sides = {
        "side": common.side,
        "segmenter.side": common.segmenter.side,
        "self_training.side": common.self_training.side,
    }
    to_take = preset_named(preset)
    return {name: nearest_side(to_take, side) for name, side in sides.items() if side}


def _smooth(common: Settings) -> str:
    """Return a pooling that lets a tag teach many positions: the given one if it does."""
    given = common.classifier.pooling
    return "top-k" if given in (None, "max") else given


def is_short(common: Settings) -> bool:
    """Return whether cells are too short for a third stage of ``improved``.

    Args:
        common: settings of all methods, with the minutes ``of_each_cell``.
    """
    minutes = minutes_of_cell(common)
    return minutes is not None and minutes < LEAST_MINUTES_OF_THREE


def _improved(common: Settings) -> Settings:
    """Return three stages, skips in place of switches, and a soft veto over two views.

    Where the minutes are few, there are two stages. What the recipe gives of the prediction stays,
    and so does whether it has a third stage.
    """
    its = common.filled(
        {
            "self_training.enabled": not is_short(common),
            "prediction.threshold": LEAST_PROBABILITY,
            "prediction.veto": "soft",
            **SEEN_TWICE,
        }
    ).changed(
        {
            "preset": _WITH_SKIPS.get(common.preset, common.preset),
            "classifier.pooling": _smooth(common),
        }
    )
    return divided_anew(its, shares_of(its), common)


def _masks_only(common: Settings) -> Settings:
    faithful = _faithful(common)
    return faithful.model_copy(update={"data": masks_only(faithful.data)})


DECOUPLEDNET = OwnTraining(
    name=WITH_TAGS,
    title="DecoupledNet, tags + masks",
    uses_tags=True,
    tuning="the recipe as given; those of this project were chosen in five single runs over side, "
    "weights of rare classes and updates on the animals' dev split, so a score on it flatters this "
    "method too",
    change=_faithful,
)
MASKS_ONLY = OwnTraining(
    name=WITHOUT_TAGS,
    title="DecoupledNet, masks only",
    uses_tags=False,
    tuning="nothing of its own: settings and schedule of DecoupledNet with tags",
    change=_masks_only,
)
IMPROVED = OwnTraining(
    name="improved",
    title="DecoupledNet, improved",
    uses_tags=True,
    tuning="decoder, stages, self-training and veto were chosen in single runs on the animals' dev "
    "split, so a score on it flatters this method",
    change=_improved,
)
