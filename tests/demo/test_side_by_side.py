"""Two trainings at once: their order, their faults, and what one thread changes."""

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from decouplednet.demo import side_by_side
from decouplednet.demo.side_by_side import Job, train_alone, train_side_by_side
from decouplednet.errors import DataError, TrainingError
from decouplednet.training.run import Run
from tests.training.conftest import quick


class FakePool:
    """Stands in for the pool of processes; its only process is ended from outside."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> "FakePool":
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, *_: object) -> "FakePool":
        """Return something whose result never comes."""
        return self

    def result(self) -> None:
        """Say that the process is gone."""
        raise BrokenProcessPool


def test_a_process_that_was_ended_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "ProcessPoolExecutor", FakePool)
    with pytest.raises(TrainingError, match=r"ended from outside, .* start the demo anew$"):
        train_side_by_side(tmp_path, [Job(tmp_path / "run", quick())])


@pytest.mark.slow
def test_what_a_training_refuses_comes_through(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder"):
        train_side_by_side(tmp_path / "nowhere", [Job(tmp_path / "run", quick())])


@pytest.mark.parametrize("progress", [False, True])
def test_a_job_trains_with_one_thread_as_it_says(
    progress: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    def record(root: Path, **given: object) -> Run:
        seen.update(given, root=root, threads=torch.get_num_threads())
        return Run(tmp_path, None, {"scores": 1})  # type: ignore[arg-type]  # not looked at

    monkeypatch.setattr(side_by_side, "train", record)
    before = torch.get_num_threads()
    try:
        metrics = train_alone(tmp_path / "data", Job(tmp_path / "run", quick(), progress))
    finally:
        torch.set_num_threads(before)
    assert metrics == {"scores": 1}
    assert seen == {
        "root": tmp_path / "data",
        "out": tmp_path / "run",
        "settings": quick(),
        "progress": progress,
        "threads": 1,
    }
