"""A comparison whose process the system kills in the middle of a cell, and that goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from decouplednet.comparison.cell import Cell, CellResult
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.evaluation.json_file import read_json
from tests.training.conftest import QUICK

LONGER = ("classifier.updates=12", "segmenter.updates=12")
# Runs the command line; the system kills the process in the sixth update of the second cell.
KILLED = """
import os, signal, sys
from decouplednet.cli.app import main
from decouplednet.training.stages import Stage

killed, step = sys.argv.pop(1), Stage.training_step

def training_step(module, batch, batch_index):
    there = "masks-only" in str(module.trainer.default_root_dir)
    if killed and there and (module.name, module.global_step) == ("segmenter", 5):
        os.kill(os.getpid(), signal.SIGKILL)
    return step(module, batch, batch_index)

Stage.training_step = training_step
main()
"""


def _compare(shapes: Path, out: Path, *, killed: bool) -> int:
    """Return the status of a process that compares."""
    common = [change for change in (*QUICK, *LONGER) if "masks_split" not in change]
    changes = [part for change in common for part in ("--set", change)]
    words = ["compare", str(shapes), "--out", str(out), "--masks", "1", "--seeds", "0", "--quiet"]
    methods = ["--methods", "decouplednet,masks-only"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "yes" if killed else "", *words, *methods, *changes],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,  # what the guard says of networks that learnt nothing
        check=False,
    )
    return done.returncode


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_comparison_ends_as_one_without_interruption(shapes: Path, tmp_path: Path) -> None:
    killed, whole = (ComparisonFolder(tmp_path / name) for name in ("killed", "whole"))
    first, second = Cell("decouplednet", 1, 0), Cell("masks-only", 1, 0)
    assert _compare(shapes, killed.root, killed=True) == -signal.SIGKILL
    assert killed.file(first).exists()
    assert killed.table.exists()
    assert not killed.file(second).exists()
    assert (killed.run(second).checkpoints / "segmenter" / "last.ckpt").exists()
    before = killed.file(first).stat().st_mtime_ns
    assert _compare(shapes, killed.root, killed=False) == 0
    assert killed.file(first).stat().st_mtime_ns == before
    assert _compare(shapes, whole.root, killed=False) == 0
    for cell in (first, second):
        got, expected = (read_json(each.file(cell), CellResult) for each in (killed, whole))
        assert got.predicted_tags == expected.predicted_tags
        assert got.true_tags == expected.true_tags
        assert got.curves == expected.curves
