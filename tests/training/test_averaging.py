"""Averaged weights: what they are, what measures them, and that stopping changes nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from decouplednet.errors import TrainingError
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.training import classifier as stage1
from decouplednet.training import segmenter as stage2
from decouplednet.training import trainer
from decouplednet.training.averaging import follow
from decouplednet.training.curve import read_curve
from decouplednet.training.expectation import classifier_bytes, segmenter_bytes
from decouplednet.training.run import Run, train
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.self_training import train_student
from decouplednet.training.stages import MaskStage, Stage
from tests.training.conftest import (
    STUDY,
    changed_parts,
    quick,
    same,
    start,
    train_until,
    weights_of,
)

States = list[dict[str, Tensor]]
AVERAGED = ("segmenter.average=0.7", "segmenter.updates=5", "segmenter.images_per_step=2")


def expected_average(states: States, decay: float) -> dict[str, Tensor]:
    """Return the weighted mean of states, written as the sum that it is."""
    counts = [decay ** (len(states) - 1 - place) for place in range(len(states))]
    return {
        name: sum(
            (count * state[name].double() for count, state in zip(counts, states, strict=True)),
            torch.zeros(()),
        )
        / sum(counts)
        if value.is_floating_point()
        else value
        for name, value in states[-1].items()
    }


def assert_is(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert state.keys() == expected.keys()
    for name, value in state.items():
        torch.testing.assert_close(
            value.double(), expected[name].double(), rtol=1e-5, atol=1e-6, msg=name
        )


@pytest.fixture
def updated(monkeypatch: pytest.MonkeyPatch) -> States:
    """What stages change, after each of their updates."""
    states: States = []
    ends = trainer.LastUpdate.on_train_batch_end

    def record(callback: Any, training: Any, stage: Stage, *step: Any) -> None:
        if (step[-1] + 1) % training.accumulate_grad_batches == 0:
            state = stage.changing_state()
            states.append({name: tensor.clone() for name, tensor in state.items()})
        ends(callback, training, stage, *step)

    monkeypatch.setattr(trainer.LastUpdate, "on_train_batch_end", record)
    return states


def segmented(
    shapes: Path, out: Path, *changes: str
) -> tuple[DecoupledNet, dict[str, Tensor], RunFolder]:
    """Return a network after stage 2, what the stage changed, by its names, and the folder."""
    network, plan, folder = start(shapes, out, *changes)
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    learnt = {
        f"network.{name}": tensor
        for name, tensor in network.state_dict().items()
        if not name.startswith("classifier.")
    }
    return network, learnt, folder


def last_checkpoint(folder: RunFolder, stage: str = "segmenter") -> dict[str, Any]:
    content: dict[str, Any] = torch.load(
        folder.checkpoints / stage / "last.ckpt", weights_only=True
    )
    return content


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_an_average_is_the_sum_of_all_values_by_their_age(decay: float) -> None:
    rng = torch.Generator().manual_seed(3)
    shapes = {"weight": (2, 3, 5), "bias": (7,), "scale": ()}
    states = [
        {
            **{
                name: torch.randn(shape, generator=rng, dtype=torch.float64)
                for name, shape in shapes.items()
            },
            "batches": torch.tensor(11 * place),
        }
        for place in range(6)
    ]
    average = {name: torch.full_like(value, 100) for name, value in states[0].items()}

    for place, state in enumerate(states):
        follow(average, state, decay=decay, update=place + 1)
        expected = expected_average(states[: place + 1], decay)
        torch.testing.assert_close(average, {**expected, "batches": torch.tensor(11 * place)})


def test_stage_2_ends_with_the_average_over_its_updates(
    shapes: Path, tmp_path: Path, updated: States
) -> None:
    _, learnt, folder = segmented(shapes, tmp_path, *AVERAGED)

    assert len(updated) == 5  # of two steps each
    assert_is(learnt, expected_average(updated, 0.7))
    assert same(last_checkpoint(folder)["state_dict"], updated[-1])


def test_the_decay_counts(shapes: Path, tmp_path: Path) -> None:
    _, short, _ = segmented(shapes, tmp_path / "short", *AVERAGED)
    _, long, _ = segmented(shapes, tmp_path / "long", *AVERAGED, "segmenter.average=0.9")

    assert not same(short, long)


def test_averaging_changes_no_update_and_without_it_nothing_is_kept(
    shapes: Path, tmp_path: Path
) -> None:
    stopping = ("segmenter.held_out=0.3", "segmenter.patience=9")
    _, _, averaged = segmented(shapes, tmp_path / "averaged", *AVERAGED, *stopping)
    _, learnt, plain = segmented(shapes, tmp_path / "plain", *AVERAGED, "segmenter.average=0")

    assert "average" in last_checkpoint(averaged)
    assert "average" not in last_checkpoint(plain)
    assert same(last_checkpoint(plain)["state_dict"], learnt)
    _, _, measured = segmented(
        shapes, tmp_path / "measured", *AVERAGED, *stopping, "segmenter.average=0"
    )
    assert same(last_checkpoint(measured)["state_dict"], last_checkpoint(averaged)["state_dict"])


def test_held_out_masks_measure_the_averages_and_the_best_of_them_is_kept(
    shapes: Path, tmp_path: Path, updated: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: States = []
    validate = MaskStage.validation_step

    def record(stage: MaskStage, batch: Any, number: int) -> None:
        if number == 0:
            state = stage.changing_state()
            measured.append({name: tensor.clone() for name, tensor in state.items()})
        validate(stage, batch, number)

    monkeypatch.setattr(MaskStage, "validation_step", record)
    _, learnt, folder = segmented(
        shapes,
        tmp_path,
        *AVERAGED,
        "segmenter.updates_per_epoch=1",
        "segmenter.held_out=0.3",
        "segmenter.patience=9",
    )

    assert len(measured) == len(updated) == 5
    for place, state in enumerate(measured):
        assert_is(state, expected_average(updated[: place + 1], 0.7))
    ious = [float(row["held_out_iou"]) for row in read_curve(folder.curves)]
    assert same(learnt, measured[ious.index(max(ious))])


def test_the_other_stages_end_with_their_averages_too(
    shapes: Path, tmp_path: Path, updated: States
) -> None:
    changes = ("classifier.average=0.8", "self_training.average=0.6")
    network, plan, folder = start(shapes, tmp_path, *STUDY, *changes)
    stage1.train_classifier(network, plan, folder)
    expected = expected_average(updated, 0.8)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    assert_is({"weight": expected["weight"], **_named(state, expected)}, expected)
    updated.clear()

    train_student(network, plan, folder)

    expected = expected_average(updated, 0.6)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    assert_is({"weight": expected["weight"], **_named(state, expected)}, expected)


def _named(state: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name in expected}


RUN = (*AVERAGED, *STUDY, "classifier.average=0.8", "self_training.average=0.6")


@pytest.fixture(scope="module")
def undisturbed(shapes: Path, bold: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with averaged weights that went through."""
    return train(shapes, out=tmp_path_factory.mktemp("runs") / "run", settings=quick(*RUN))


@pytest.mark.parametrize(("stage", "update"), [("classifier", 3), ("segmenter", 1), ("student", 3)])
def test_a_run_stopped_at_any_update_ends_as_one_without_interruption(
    stage: str,
    update: int,
    shapes: Path,
    undisturbed: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_until((stage, update), shapes, tmp_path / "run", quick(*RUN), monkeypatch)

    resumed = train(shapes, out=tmp_path / "run", resume=True)

    assert same(weights_of(undisturbed.folder), weights_of(resumed.folder))


def test_a_stage_killed_before_its_marker_ends_with_its_averages(
    shapes: Path, tmp_path: Path
) -> None:
    network, _, folder = segmented(shapes, tmp_path, *AVERAGED)
    folder.segmenter.unlink()

    again, _, _ = segmented(shapes, tmp_path, *AVERAGED)

    assert not changed_parts(network.state_dict(), again.state_dict())


@pytest.mark.parametrize("update", [1, 3])  # before the first checkpoint, and after it
def test_when_memory_runs_out_the_averages_go_on_with_the_weights(
    update: int,
    shapes: Path,
    tmp_path: Path,
    updated: States,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    losses = MaskStage.loss

    def run_out(stage: MaskStage, batch: Any) -> Tensor:
        if len(batch[0]) > 2 and stage.global_step == update:
            raise torch.OutOfMemoryError("no memory left")
        return losses(stage, batch)

    monkeypatch.setattr(MaskStage, "loss", run_out)
    _, learnt, _ = segmented(shapes, tmp_path, *AVERAGED[:2])

    done = (
        update - update % 2
    )  # updates until the last checkpoint; those after it count for nothing
    assert_is(learnt, expected_average([*updated[:done], *updated[update:]], 0.7))


def test_a_checkpoint_without_averages_is_refused(shapes: Path, tmp_path: Path) -> None:
    _, _, folder = segmented(shapes, tmp_path, *AVERAGED)
    folder.segmenter.unlink()
    content = last_checkpoint(folder)
    del content["average"]
    torch.save(content, folder.checkpoints / "segmenter" / "last.ckpt")

    with pytest.raises(TrainingError, match=r"last\.ckpt: of another network; .* remove it"):
        segmented(shapes, tmp_path, *AVERAGED)


def test_an_average_is_one_more_copy_of_what_a_stage_trains(shapes: Path, tmp_path: Path) -> None:
    _, plan, _ = start(shapes, tmp_path)
    _, averaged, _ = start(shapes, tmp_path, "classifier.average=0.9", "segmenter.average=0.9")
    cost = plan.cost

    trained = sum(size.weights for size in (*cost.group_sizes, cost.head_size))
    assert classifier_bytes(averaged) - classifier_bytes(plan) == 4 * trained
    trained = plan.window_cost.segmenter_size.weights
    assert segmenter_bytes(averaged) - segmenter_bytes(plan) == 4 * trained
