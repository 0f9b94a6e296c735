"""Stage 3 in rounds: each student is the next one's teacher, and stopping it changes nothing."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from decouplednet.dataset.mixed import MixedExample
from decouplednet.errors import UsageError
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.settings import Settings
from decouplednet.training import pseudo_masks, self_training
from decouplednet.training.announcement import describe
from decouplednet.training.budget import least_training, rounds_of
from decouplednet.training.checkpoints import write_learnt
from decouplednet.training.curve import read_curve
from decouplednet.training.expectation import expected_seconds
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.run import train
from decouplednet.training.student import StudentStage
from tests.training.conftest import STUDY, quick, same, train_until, weights_of

ROUNDS = (*STUDY, "self_training.rounds=2")

pytestmark = pytest.mark.usefixtures("bold")


@pytest.fixture(scope="module")
def twice(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose stage 3 has two rounds."""
    out = tmp_path_factory.mktemp("runs") / "twice"
    train(shapes, out=out, settings=quick(*ROUNDS))
    return out


def test_rounds_share_the_updates_and_each_has_its_curve(twice: Path) -> None:
    facts = json.loads((twice / "run.json").read_text())
    curve = read_curve(twice / "curves.csv")

    updates = {
        name: [int(row["update"]) for row in curve if row["stage"] == name]
        for name in ("student-1", "student")
    }
    assert updates == {"student-1": [1, 2, 3], "student": [1, 2]}
    assert facts["updates"]["student"] == 5
    assert list(facts["seconds"])[:4] == ["classifier", "segmenter", "pseudo-masks", "student"]


def test_the_student_of_a_round_is_the_teacher_of_the_next(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teachers, students = list[dict[str, torch.Tensor]](), dict[str, dict[str, torch.Tensor]]()
    draws, labels = list[torch.Tensor](), list[int]()
    teach, loss, keep = pseudo_masks.teacher, StudentStage.loss, write_learnt

    def teacher(network: DecoupledNet, plan: Plan) -> Any:
        teachers.append(copy.deepcopy(network.state_dict()))
        return teach(network, plan)

    def seen(stage: StudentStage, batch: MixedExample) -> torch.Tensor:
        draws.append(batch.example.image.clone())
        return loss(stage, batch)

    def learnt(path: Path, state: dict[str, torch.Tensor]) -> None:
        students[path.stem] = copy.deepcopy(state)
        labels.append(len(list(path.parent.glob("pseudo_masks/*/**/*.png"))))
        keep(path, state)

    monkeypatch.setattr(self_training, "teacher", teacher)
    monkeypatch.setattr(self_training, "write_learnt", learnt)
    monkeypatch.setattr(StudentStage, "loss", seen)
    run = train(shapes, out=tmp_path / "run", settings=quick(*ROUNDS))

    assert list(students) == ["student-1", "student"]
    assert same(teachers[1], students["student-1"])
    assert not same(teachers[0], teachers[1])
    assert not same(teachers[1], students["student"])
    assert same(students["student"], run.segmenter.network.state_dict())
    assert labels == [4, 8]  # each round labels all four images anew
    assert len(draws) == 5
    assert not torch.equal(draws[0], draws[3])  # windows of its own


@pytest.mark.parametrize("stop_at", [("student-1", 1), ("student", 0), ("student", 1)])
def test_a_run_stopped_in_a_round_ends_as_one_without_interruption(
    stop_at: tuple[str, int],
    shapes: Path,
    twice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    train_until(stop_at, shapes, out, quick(*ROUNDS), monkeypatch)

    train(shapes, out=out, resume=True)

    assert same(weights_of(twice), weights_of(out))
    assert read_curve(out / "curves.csv") == read_curve(twice / "curves.csv")


def test_the_first_round_cuts_the_windows_of_a_stage_with_one_round(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, draws = StudentStage.loss, list[torch.Tensor]()

    def seen(stage: StudentStage, batch: MixedExample) -> torch.Tensor:
        draws.append(batch.example.image.clone())
        return loss(stage, batch)

    monkeypatch.setattr(StudentStage, "loss", seen)
    for name, rounds in (("two", 2), ("one", 1)):
        changes = (f"self_training.rounds={rounds}", "seed=1")
        train(shapes, out=tmp_path / name, settings=quick(*ROUNDS, *changes))

    assert torch.equal(draws[0], draws[5])
    assert not torch.equal(draws[3], draws[8])


def test_more_rounds_than_updates_are_refused() -> None:
    with pytest.raises(UsageError, match=r"rounds = 6 share updates = 5: each needs at least"):
        quick(*ROUNDS, "self_training.rounds=6")


def test_the_table_counts_the_rounds_and_their_labels(shapes: Path) -> None:
    one, two = (
        make_plan(shapes, quick(*ROUNDS, f"self_training.rounds={rounds}")) for rounds in (1, 2)
    )

    assert dict(describe(two, 1e9))["stage 3, pseudo-masks"].startswith(
        "5 updates, in 2 rounds, of"
    )
    assert dict(describe(one, 1e9))["stage 3, pseudo-masks"].startswith("5 updates of 4 windows")
    third = [expected_seconds(plan, 1e9)[2] for plan in (one, two)]
    three = make_plan(shapes, quick(*ROUNDS, "self_training.rounds=3"))
    assert third[1] > third[0]
    assert expected_seconds(three, 1e9)[2] - third[1] == pytest.approx(third[1] - third[0])


def test_each_round_must_have_time_for_its_updates() -> None:
    settings = [Settings(self_training={"enabled": True, "rounds": rounds}) for rounds in (1, 4)]

    assert [len(rounds_of("student", one)) for one in settings] == [1, 4]
    update = {"classifier": 0.0, "segmenter": 0.0, "student": 1.0}
    least = [least_training(one, update) for one in settings]
    assert least[1] == pytest.approx(4 * least[0])
