"""A run whose process the system kills, and that is resumed by another."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from decouplednet.training.curve import read_curve
from tests.training.conftest import QUICK

LONGER = ("classifier.updates=12", "segmenter.updates=12", "classifier.dropout=0.3")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
# Runs the command line; the system kills the process in the sixth update of the stage named first.
KILLED = """
import os, signal, sys
from decouplednet.cli.app import main
from decouplednet.training.stages import Stage

stage, step = sys.argv.pop(1), Stage.training_step

def training_step(module, batch, batch_index):
    if (module.name, module.global_step) == (stage, 5):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(module, batch, batch_index)

Stage.training_step = training_step
main()
"""


def _train_process(shapes: Path, out: Path, *more: str, killed_in: str = "") -> int:
    """Return the status of a process that trains."""
    changes = [part for change in (*QUICK, *LONGER) for part in ("--set", change)]
    command = [sys.executable, "-c", KILLED, killed_in, "train", str(shapes), "--out", str(out)]
    done = subprocess.run(
        [*command, "--quiet", *changes, *more], env=os.environ | ONE_THREAD, check=False
    )
    return done.returncode


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_in_each_stage_ends_as_one_without_interruption(
    shapes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    checkpoints = out / "checkpoints"
    assert _train_process(shapes, out, killed_in="classifier") == -signal.SIGKILL
    assert (checkpoints / "classifier" / "last.ckpt").exists()
    assert not (checkpoints / "classifier.safetensors").exists()
    assert _train_process(shapes, out, "--resume", killed_in="segmenter") == -signal.SIGKILL
    assert (checkpoints / "segmenter" / "last.ckpt").exists()
    assert not (out / "model").exists()
    assert _train_process(shapes, out, "--resume") == 0
    assert _train_process(shapes, tmp_path / "whole") == 0
    state, whole = (_weights(run) for run in (out, tmp_path / "whole"))
    assert state.keys() == whole.keys()
    assert all(torch.equal(state[key], whole[key]) for key in state)
    assert read_curve(out / "curves.csv") == read_curve(tmp_path / "whole" / "curves.csv")
