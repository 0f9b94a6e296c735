"""Several trainings at once, each in a process with one thread.

The demo's network is so small that two threads wait for each other more than they compute. One
thread each also makes the result independent of the number of processor cores.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from decouplednet.errors import TrainingError
from decouplednet.settings import Settings
from decouplednet.training.run import train


@dataclass(frozen=True, slots=True)
class Job:
    """One training.

    Args:
        out: the run's folder, new or empty.
        settings: of the run.
        progress: show bars; of several jobs only one should.
    """

    out: Path
    settings: Settings
    progress: bool = False


def train_side_by_side(root: Path, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Train several runs on one data set at the same time.

    Args:
        root: the data set's folder.
        jobs: what is trained.

    Returns:
        The metrics of each run, in the order of ``jobs``.

    Raises:
        TrainingError: a process was ended from outside.
        UserError: whatever ``train`` refuses.
    """
    # A forked process would inherit torch's threads in a state that it cannot use.
    with ProcessPoolExecutor(len(jobs), mp_context=get_context("spawn")) as pool:
        trainings = [pool.submit(train_alone, root, job) for job in jobs]
        try:
            return [training.result() for training in trainings]
        except BrokenProcessPool:
            raise TrainingError(
                f"{root}: a training process was ended from outside, often because memory ran "
                "out; close other programs and start the demo anew"
            ) from None


def train_alone(root: Path, job: Job) -> dict[str, Any]:
    """Train one run with one thread; return its metrics.

    Sets the threads of the whole process, which should be one of its own.
    """
    torch.set_num_threads(1)
    run = train(root, out=job.out, settings=job.settings, progress=job.progress)
    return run.metrics
