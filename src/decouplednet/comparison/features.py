"""The features of the shared cache: computed before a cell trains, and timed apart from it."""

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat

from decouplednet.report.finished_run import read_json
from decouplednet.training.classifier import (
    UpperClassifier,
    keep_classifier_features,
    tagged_images,
)
from decouplednet.training.plan import Plan, trained_groups
from decouplednet.training.run import start_network
from decouplednet.training.run_folder import RunFolder


class _Times(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: NonNegativeFloat = 0.0


def fill_cache(plan: Plan, folder: RunFolder) -> None:
    """Compute the features that stage 1 will learn from, so that it finds them in the cache.

    How long it took is noted in the run's folder and added up when the run is gone on with.
    Nothing is done where the whole network learns, stage 1 is complete, or nothing may be kept.

    Args:
        plan: of the run.
        folder: of the run.

    Raises:
        DataError: an image cannot be read.
    """
    nothing_kept = plan.settings.compute.cache_gigabytes == 0
    upper = UpperClassifier(start_network(plan).classifier, trained_groups(plan.settings))
    if upper.lowest == 0 or nothing_kept or folder.classifier.exists():
        return
    earlier, started = feature_seconds(folder), time.perf_counter()
    try:
        keep_classifier_features(upper, tagged_images(plan), plan)
    finally:
        took = _Times(seconds=round(earlier + time.perf_counter() - started, 1))
        folder.write_json(_file(folder), took.model_dump())


def feature_seconds(folder: RunFolder) -> float:
    """Return how long the features of a run's stage 1 took; 0 where none were computed.

    Raises:
        DataError: what was noted is damaged.
    """
    path = _file(folder)
    return read_json(path, _Times).seconds if path.exists() else 0.0


def _file(folder: RunFolder) -> Path:
    return folder.root / "features.json"
