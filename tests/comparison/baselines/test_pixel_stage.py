"""What trainings of one network share: held-out scores, step sizes, stopping, reading back."""

from pathlib import Path

import pytest
import torch
from torch import nn

from decouplednet.comparison.baselines.network import OneNetwork, start_one_network
from decouplednet.comparison.baselines.one_network import ClassStage, train_one_network
from decouplednet.comparison.baselines.pixel_stage import class_overlaps, encoder_rate
from decouplednet.errors import TrainingError
from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.checkpoints import write_learnt
from decouplednet.training.curve import read_curve
from decouplednet.training.run_folder import RunFolder
from tests.comparison.baselines.conftest import plan_of, small_one_network
from tests.training.conftest import changed_parts, quick


def test_overlaps_are_those_of_a_loop_over_the_pixels() -> None:
    rng = torch.Generator().manual_seed(0)
    score = torch.randn(2, 4, 5, 6, generator=rng)
    target = torch.randint(0, 4, (2, 5, 6), generator=rng, dtype=torch.uint8)
    target[target == 2] = 255
    both, either = [0] * 4, [0] * 4
    for image in range(2):
        for row in range(5):
            for column in range(6):
                true = int(target[image, row, column])
                if true != 255:
                    values = [float(score[image, place, row, column]) for place in range(4)]
                    said = values.index(max(values))
                    both[true] += said == true
                    for place in {said, true}:
                        either[place] += 1

    assert class_overlaps(score, target).tolist() == [both, either]


@pytest.mark.parametrize(
    ("groups", "kept_out"), [(0, "network.encoder."), (2, None)], ids=["frozen", "learning"]
)
def test_checkpoints_leave_out_an_encoder_that_never_changes(
    groups: int, kept_out: str | None
) -> None:
    stage = ClassStage(small_one_network(groups), SegmenterSettings(), seed=0, encoder_rate=0.1)

    held = {key.split(".")[1] for key in stage.changing_state()}
    assert held == {"bridge", "decoder"} | (set() if kept_out else {"encoder"})


def test_convolutions_from_weights_learn_at_the_classifiers_rate(tmp_path: Path) -> None:
    stage = ClassStage(small_one_network(2), SegmenterSettings(), seed=0, encoder_rate=0.25)

    assert stage.rate_of("encoder.features.24.weight") == 0.25
    assert stage.rate_of("bridge.layers.0.weight") == stage.rate_of("decoder.score.bias") == 1
    assert encoder_rate(quick("classifier.weights=none")) == 1
    rate = "classifier.convolution_rate=0.3"
    assert encoder_rate(quick(rate, "classifier.weights=imagenet")) == 0.3


def test_early_stopping_measures_all_classes_on_held_out_masks(
    shapes: Path, tmp_path: Path
) -> None:
    plan = plan_of(
        shapes,
        "segmenter.updates=20",
        "segmenter.updates_per_epoch=1",
        "segmenter.learning_rate=1e-9",
        "segmenter.held_out=0.3",
        "segmenter.patience=1",
    )
    train_one_network(plan, RunFolder(tmp_path))

    rows = read_curve(tmp_path / "curves.csv")
    assert len(rows) < 20
    assert all(0 <= float(row["held_out_iou"]) <= 1 for row in rows)


def test_batch_statistics_are_estimated_again_after_training(shapes: Path, tmp_path: Path) -> None:
    plans = [plan_of(shapes, f"segmenter.statistics_batches={count}") for count in (0, 2)]
    states = [
        train_one_network(plan, RunFolder(tmp_path / str(number))).network.state_dict()
        for number, plan in enumerate(plans)
    ]

    changed = changed_parts(*states)
    assert changed
    assert all("running_" in key or "num_batches" in key for key in changed)
    assert not [key for key in changed if key.startswith("encoder.")]
    counts = {int(t) for key, t in states[1].items() if key in changed and "num_batches" in key}
    assert counts == {2}


def test_a_finished_stage_is_read_back_and_a_strange_one_refused(
    shapes: Path, tmp_path: Path
) -> None:
    plan, folder = plan_of(shapes), RunFolder(tmp_path)
    trained = train_one_network(plan, folder).network
    curve = folder.curves.read_bytes()

    again = train_one_network(plan, folder).network

    assert not changed_parts(trained.state_dict(), again.state_dict())
    assert folder.curves.read_bytes() == curve
    assert not any(part.training for part in again.modules())
    write_learnt(folder.learnt("one_network"), {"network.strange": torch.zeros(1)})
    with pytest.raises(TrainingError, match=r"one_network\.safetensors: of another network; netw"):
        train_one_network(plan, folder)


def test_only_what_learns_changes(shapes: Path, tmp_path: Path) -> None:
    plan = plan_of(shapes, "classifier.trained_groups=1", "self_training.trained_groups=1")
    before = start_one_network(plan).state_dict()

    after = train_one_network(plan, RunFolder(tmp_path)).network

    assert isinstance(after, OneNetwork)
    changed = changed_parts(before, after.state_dict())
    frozen = [layer for number in range(4) for layer in after.encoder.group(number)]
    names = {name for name, part in after.named_modules() if any(part is one for one in frozen)}
    assert not {key.rpartition(".")[0] for key in changed} & names
    learnt = {name for name, part in after.named_modules() if isinstance(part, nn.Conv2d)} - names
    assert {f"{name}.weight" for name in learnt} <= changed
