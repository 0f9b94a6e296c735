"""Settings that train in a second, and what a stage of them starts from."""

from pathlib import Path

import torch

from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.settings import Settings
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.run import start_network
from decouplednet.training.run_folder import RunFolder

QUICK = (
    "preset=tiny",
    "data.tags_split=tags",
    "data.masks_split=strong",
    "data.validation_split=val",
    "classifier.updates=5",
    "classifier.updates_per_epoch=2",
    "classifier.images_per_update=4",
    "segmenter.updates=3",
    "segmenter.updates_per_epoch=2",
    "segmenter.images_per_update=4",
    "compute.device=cpu",
    "compute.precision=32",
)


def quick(*changes: str) -> Settings:
    """Return the quick settings with changes, as given to ``--set``."""
    return Settings.read(None, [*QUICK, *changes])


def start(shapes: Path, out: Path, *changes: str) -> tuple[DecoupledNet, Plan, RunFolder]:
    """Return what a stage is trained with: an untrained network, its plan and its run's folder."""
    plan = make_plan(shapes, quick(*changes))
    folder = RunFolder(out)
    folder.checkpoints.mkdir(parents=True, exist_ok=True)
    return start_network(plan), plan, folder


def changed_parts(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Return the keys of two states of a network under which they differ."""
    assert before.keys() == after.keys()
    return {key for key in before if not torch.equal(before[key], after[key])}
