"""What a run left in its folder: settings, facts, curves and scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from decouplednet.errors import DataError
from decouplednet.evaluation.json_file import read_json
from decouplednet.evaluation.run_roles import RunRoles
from decouplednet.report.curves import Curve, read_curves
from decouplednet.report.scores import Scores
from decouplednet.settings import Settings
from decouplednet.training.run_folder import RunFolder


class Facts(BaseModel):
    """What the page shows of ``run.json``; further keys are left alone.

    Attributes:
        data: folder of the data set.
        seed: fixed every random choice.
        versions: of this package, Python and the libraries that computed.
        commit: of the checkout that ran; None outside a checkout.
        classes: in index order from 1.
        roles: which images were used for what.
        device: the kind of device that computed.
        precision: what Lightning calls it.
        seconds: of each part of the run.
        updates: that each stage made.
        waiting: share of the time of its steps in which each stage awaited images.
    """

    model_config = ConfigDict(frozen=True)

    data: Path
    seed: int
    versions: Mapping[str, Any] = {}
    commit: str | None = None
    classes: tuple[str, ...]
    roles: RunRoles
    device: str | None = None
    precision: str | None = None
    seconds: Mapping[str, float] = {}
    updates: Mapping[str, int] = {}
    waiting: Mapping[str, float] = {}


class Outcome(BaseModel):
    """The contents of ``metrics.json``; empty where the run kept no image to be scored.

    Attributes:
        predicted_tags: scores when the network decides which classes are in an image.
        true_tags: scores when it is told.
    """

    model_config = ConfigDict(frozen=True)

    predicted_tags: Scores | None = None
    true_tags: Scores | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How a run went and what came of it: all that is needed to set it beside another.

    Args:
        curves: of each stage, in their order.
        outcome: its scores.
    """

    curves: tuple[Curve, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run as it was found.

    Args:
        path: the folder.
        settings: what the run was told, choices included.
        facts: what it wrote down about itself.
        result: its curves and scores.
    """

    path: Path
    settings: Settings
    facts: Facts
    result: Result


def read_run(path: Path) -> FinishedRun:
    """Return a run.

    Raises:
        DataError: there is no such folder, it is no finished run, or one of its files is damaged.
        SettingsError: its ``settings.toml`` is damaged.
    """
    folder = RunFolder(path)
    if not folder.facts.is_file():
        raise DataError(
            f"{path}: holds no run.json, so it is no run; give a folder that decouplednet train "
            "--out named"
        )
    return FinishedRun(
        path=path,
        settings=Settings.read(folder.settings, to_train=False),
        facts=read_json(folder.facts, Facts),
        result=read_result(path),
    )


def read_result(path: Path) -> Result:
    """Return the curves and scores of a run, whatever else lies in its folder.

    Raises:
        DataError: the run is not finished, or one of the two files is damaged.
    """
    folder = RunFolder(path)
    if not folder.metrics.is_file():
        raise DataError(
            f"{path}: holds no metrics.json, so the run is not finished; go on with it by "
            "decouplednet train --resume"
        )
    return Result(read_curves(folder.curves), read_json(folder.metrics, Outcome))
