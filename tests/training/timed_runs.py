"""Runs on a clock that their parts move."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decouplednet.annotations.images import image_size
from decouplednet.annotations.mask_content import index_mask
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.annotations.masks import write_mask
from decouplednet.annotations.record import Record
from decouplednet.inference.predictor import Predictor
from decouplednet.settings import Settings
from decouplednet.training import run as runs
from decouplednet.training import self_training, timetable
from decouplednet.training.budget import STUDENT_COST, after_training
from decouplednet.training.kept_features import Frozen
from decouplednet.training.plan import Plan
from decouplednet.training.run import train
from decouplednet.training.stages import MaskStage, TagStage
from decouplednet.training.student import StudentStage
from decouplednet.training.timetable import numbers_of
from tests.training.clock import FakeClock
from tests.training.conftest import quick

MINUTES = 10
PREDICTION = 1.0
LABEL = 0.25
CHANGES = (
    *("classifier.trained_groups=0", "side=64", "segmenter.side=64"),
    *("classifier.updates_per_epoch=12", "segmenter.updates_per_epoch=12"),
)


class Machine:
    """A clock that the parts of a run move, as slow as ``slowness`` says."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.slowness = 1.0

    def work(self, seconds: float) -> None:
        """Let so many seconds go by on a machine that is as fast as it was tried out to be."""
        self.clock.now += seconds * self.slowness


def slowed_machine(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Machine:
    """Return a machine on which 10 minutes are some dozens of updates, with a cache of its own."""
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(cache))
    machine = Machine()

    def slow(owner: Any, name: str, seconds: Callable[..., float]) -> None:
        done = getattr(owner, name)

        def slowed(*given: Any, **more: Any) -> Any:
            machine.work(seconds(*given))
            return done(*given, **more)

        monkeypatch.setattr(owner, name, slowed)

    slow(Frozen, "features", lambda _, images: 2.0 * len(images))
    slow(TagStage, "loss", lambda _, batch: 1.0 * len(batch[0]))
    slow(MaskStage, "loss", lambda _, batch: 3.0 * len(batch[0]))
    slow(StudentStage, "loss", lambda _, batch: STUDENT_COST * 3.0 * len(batch.example.image))
    slow(Predictor, "scores", lambda _, images: PREDICTION * len(images))
    slow(timetable, "read_image", lambda *_: LABEL)  # of an image that is labelled on trial
    for module in (timetable, runs):
        slow(module, "evaluate_both", lambda *given: 2 * PREDICTION * len(given[2]))
    return machine


def timed_settings(*changes: str) -> Settings:
    """Return the quick settings with the minutes of a run and changes, as given to ``--set``."""
    return quick(*CHANGES, f"minutes={MINUTES}", *changes)


def train_timed(
    machine: Machine, data: Path, out: Path, slowness: float = 1.0, **more: Any
) -> tuple[runs.Run, float, list[Plan]]:
    """Train on a machine that becomes as slow as said; return the minutes until its report."""
    plans: list[Plan] = []
    begun = machine.clock.now

    def announce(plan: Plan) -> None:
        plans.append(plan)
        machine.slowness = slowness

    run = train(data, out=out, clock=machine.clock, announce=announce, **more)
    parts = after_training(
        plans[0].settings, numbers_of(plans[0]), prediction=PREDICTION, label=LABEL, saving=0.0
    )
    machine.work(parts["report"])
    return run, (machine.clock.now - begun) / 60, plans


def believe_the_tags(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write pseudo-masks that hold a tag of each image: so small a network is sure of nothing."""

    def write(
        predictor: Predictor,
        records: list[Record],
        tags: list[frozenset[str]],
        folder: Path,
        **more: Any,
    ) -> tuple[Record, ...]:
        written = []
        for record, names in zip(records, tags, strict=True):
            machine.work(LABEL)
            if names:
                mask = np.zeros(image_size(record.image), np.uint8)
                mask[8:40, 8:40] = predictor.classes.index(min(names))
                write_mask(folder / f"{record.name}.png", mask)
                source = MaskSource(index_mask(folder / f"{record.name}.png"), record.image, None)
                written.append(replace(record, mask=source))
        return tuple(written)

    monkeypatch.setattr(self_training, "write_pseudo_masks", write)
