"""Settings that train in a second, and what a stage of them starts from."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from decouplednet.inference.predictor import Predictor
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.settings import Settings
from decouplednet.training import run as runs
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.run import train
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import Stage
from decouplednet.training.start import start_network

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


STUDY = (
    "self_training.enabled=true",
    "self_training.updates=5",
    "self_training.updates_per_epoch=2",
    "self_training.images_per_update=4",
    "self_training.trained_groups=2",
    "self_training.right=0",  # after so few updates the network is sure of little
)


def quick(*changes: str) -> Settings:
    """Return the quick settings with changes, as given to ``--set``."""
    return Settings.read(None, [*QUICK, *changes])


def preset_left_open(*changes: str) -> Settings:
    """Return the quick settings with changes and without their preset, and no weights to fetch."""
    values = quick("classifier.weights=none", *changes).model_dump(exclude_unset=True)
    del values["preset"]
    return Settings(**values)


def start(shapes: Path, out: Path, *changes: str) -> tuple[DecoupledNet, Plan, RunFolder]:
    """Return what a stage is trained with: an untrained network, its plan and its run's folder."""
    plan = make_plan(shapes, quick(*changes))
    folder = RunFolder(out)
    folder.checkpoints.mkdir(parents=True, exist_ok=True)
    return start_network(plan), plan, folder


def start_boldly(plan: Plan) -> DecoupledNet:
    """Return an untrained network that calls most pixels foreground.

    After a few updates another one calls hardly any pixel so, and whether it calls one so depends
    on the last digits of a sum.
    """
    network = start_network(plan)
    with torch.no_grad():
        network.get_parameter("decoder.score.bias").copy_(torch.tensor([-2.0, 2.0]))
    return network


@pytest.fixture(scope="module")
def bold() -> Iterator[None]:
    """Start runs with networks that find something, so that there is something to label."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "start_network", start_boldly)
        yield


def changed_parts(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Return the keys of two states of a network under which they differ."""
    assert before.keys() == after.keys()
    return {key for key in before if not torch.equal(before[key], after[key])}


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a run's model."""
    return load_file(run / "model" / "model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether two models have the same weights."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def train_until(
    end: tuple[str, int],
    shapes: Path,
    out: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Train a run that is stopped in a stage of that name after so many updates."""
    step = Stage.training_step

    def stop(module: Stage, batch: Any, batch_index: int) -> torch.Tensor:
        if (module.name, module.global_step) == end:
            raise MemoryError
        return step(module, batch, batch_index)

    with monkeypatch.context() as patch:
        patch.setattr(Stage, "training_step", stop)
        with pytest.raises(MemoryError):
            train(shapes, out=out, settings=settings)


def copy_of(shapes: Path, place: Path) -> Path:
    """Return a copy of a data set."""
    return Path(shutil.copytree(shapes, place))


@pytest.fixture
def planned(shapes: Path) -> tuple[Plan, Predictor]:
    """A plan, and what labels its images."""
    plan = make_plan(shapes, quick())
    network, device = start_boldly(plan).eval(), torch.device("cpu")
    return plan, Predictor(network=network, classes=plan.classes, frame=plan.frame, device=device)


@pytest.fixture(scope="session")
def finished(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A run that went through without interruption."""
    return train(shapes, out=tmp_path_factory.mktemp("runs") / "whole", settings=quick())


@pytest.fixture
def interrupted(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped between the two stages."""
    return _stopped_before("train_segmenter", shapes, tmp_path / "run", monkeypatch)


@pytest.fixture
def unscored(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped after both stages."""
    return _stopped_before("score", shapes, tmp_path / "run", monkeypatch)


def _stopped_before(part: str, shapes: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, part, stop)
        with pytest.raises(KeyboardInterrupt):
            train(shapes, out=out, settings=quick())
    return out
