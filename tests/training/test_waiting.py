"""How long steps wait for their images, on a clock that the test moves."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from decouplednet.dataset.masked import MaskedImages
from decouplednet.training.checkpoints import NEEDED
from decouplednet.training.fit import effort_of
from decouplednet.training.run import train
from decouplednet.training.stages import MaskStage
from decouplednet.training.waiting import STATE, Waiting
from tests.training.clock import FakeClock
from tests.training.conftest import quick

TRAINER, MODULE = cast(Trainer, None), cast(LightningModule, None)


def epoch(waiting: Waiting, clock: FakeClock, steps: list[tuple[float, float]]) -> None:
    """Go through an epoch of steps: seconds that their images take, and they themselves."""
    waiting.on_train_epoch_start(TRAINER, MODULE)
    for number, (images, step) in enumerate(steps):
        clock.now += images
        waiting.on_train_batch_start(TRAINER, MODULE, None, number)
        clock.now += step
        waiting.on_train_batch_end(TRAINER, MODULE, None, None, number)


def test_all_but_the_first_step_of_an_epoch_count() -> None:
    clock = FakeClock()
    waiting = Waiting(clock)

    epoch(waiting, clock, [(100, 1), (2, 6), (0.5, 3.5)])
    clock.now += 1000  # a checkpoint
    epoch(waiting, clock, [(50, 1), (0.5, 7.5)])

    assert waiting.state_dict() == {"waited": 3.0, "stepping": 20.0}


def test_it_goes_on_from_a_checkpoint() -> None:
    clock = FakeClock()
    waiting = Waiting(clock)

    waiting.load_state_dict({"waited": 1.0, "stepping": 9.0})
    epoch(waiting, clock, [(3, 3), (1, 2)])

    assert waiting.state_dict() == {"waited": 2.0, "stepping": 12.0}


def test_the_rounds_of_a_stage_count_together(tmp_path: Path) -> None:
    for name, waited in (("first", 1.0), ("second", 2.0)):
        state = {STATE: {"waited": waited, "stepping": 6.0}}
        (tmp_path / name).mkdir()
        content = dict.fromkeys(NEEDED, 0) | {"global_step": 3, "callbacks": state}
        torch.save(content, tmp_path / name / "last.ckpt")

    assert effort_of(tmp_path / "first", tmp_path / "second").waiting == 0.25
    assert effort_of(tmp_path / "none").waiting is None


def test_a_run_notes_which_share_of_its_steps_was_waiting(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    read, learn = MaskedImages.__getitem__, MaskStage.loss

    def slow_read(self: MaskedImages, number: int) -> Any:
        clock.now += 1.0
        return read(self, number)

    def slow_step(self: MaskStage, batch: Any) -> Any:
        clock.now += 12.0
        return learn(self, batch)

    monkeypatch.setattr(MaskedImages, "__getitem__", slow_read)
    monkeypatch.setattr(MaskStage, "loss", slow_step)

    train(
        shapes, out=tmp_path / "run", settings=quick("segmenter.images_per_update=4"), clock=clock
    )

    facts = json.loads((tmp_path / "run/run.json").read_text())
    assert facts["waiting"]["segmenter"] == 0.25
    assert facts["waiting"].keys() <= facts["updates"].keys()
