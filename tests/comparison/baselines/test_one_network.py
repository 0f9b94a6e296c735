"""One network learns from masks alone, resumes to the same weights, and fails as our stages do."""

from pathlib import Path
from typing import Any

import pytest
import torch

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.comparison.baselines.network import start_one_network
from decouplednet.comparison.baselines.one_network import ClassStage, train_one_network
from decouplednet.dataset.masked import ClassExample
from decouplednet.errors import TrainingError
from decouplednet.evaluation.evaluate import evaluate_records
from decouplednet.training.curve import read_curve
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import Stage
from tests.comparison.baselines.conftest import LEARNING, plan_of
from tests.training.conftest import changed_parts


def test_it_learns_where_the_classes_are_and_the_true_tags_help(
    bold: Path, unseen: Catalogue, all_background: float, tmp_path: Path
) -> None:
    plan = plan_of(bold, *LEARNING)

    predictor = train_one_network(plan, RunFolder(tmp_path))

    losses = [float(row["loss"]) for row in read_curve(tmp_path / "curves.csv")]
    assert len(losses) == 150
    assert sum(losses[-20:]) < 0.75 * sum(losses[:20])
    scores = [
        evaluate_records(predictor, unseen, unseen.records, tags=tags).miou
        for tags in (False, True)
    ]
    assert scores[0] > all_background + 0.05
    assert scores[1] > scores[0]


def test_the_loss_is_the_cross_entropy_over_background_and_classes(shapes: Path) -> None:
    plan = plan_of(shapes)
    network = start_one_network(plan).eval()
    stage = ClassStage(network, plan.settings.segmenter, seed=0, encoder_rate=1.0)
    rng = torch.Generator().manual_seed(0)
    image = torch.randn(2, 3, 64, 64, generator=rng)
    target = torch.randint(0, 4, (2, 64, 64), generator=rng, dtype=torch.uint8)
    target[1, :40] = 255

    with torch.no_grad():
        chances = network(image).softmax(dim=1)
        expected = 0.0
        for number in range(2):
            rows = range(64) if number == 0 else range(40, 64)
            each = [
                -chances[number, int(target[number, row, column]), row, column].log()
                for row in rows
                for column in range(64)
            ]
            expected += float(torch.stack(each).mean()) / 2
        loss = float(stage.loss(ClassExample(image, target)))

    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("update", [1, 3])
def test_a_run_stopped_at_any_update_ends_as_one_without_interruption(
    update: int, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(shapes, "segmenter.updates=5")
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    expected = train_one_network(plan, whole).network.state_dict()
    step = Stage.training_step

    def stop(module: Stage, batch: Any, batch_index: int) -> torch.Tensor:
        if module.global_step == update:
            raise MemoryError
        return step(module, batch, batch_index)

    with monkeypatch.context() as patch:
        patch.setattr(Stage, "training_step", stop)
        with pytest.raises(MemoryError):
            train_one_network(plan, stopped)
    resumed = train_one_network(plan, stopped).network.state_dict()

    assert not changed_parts(expected, resumed)
    assert read_curve(stopped.curves) == read_curve(whole.curves)


def test_a_loss_that_is_no_number_names_the_setting_to_lower(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stage: ClassStage, batch: ClassExample) -> torch.Tensor:
        return stage.network(batch.image).mean() * torch.nan  # type: ignore[no-any-return]

    monkeypatch.setattr(ClassStage, "loss", fail)
    with pytest.raises(
        TrainingError,
        match=r"one_network: the loss became nan at update 1.*lower segmenter\.learning_rate or",
    ):
        train_one_network(plan_of(shapes), RunFolder(tmp_path))


def test_when_memory_runs_out_the_step_is_halved(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    losses, sizes = ClassStage.loss, []

    def fit_two_images(stage: ClassStage, batch: ClassExample) -> torch.Tensor:
        sizes.append(len(batch.image))
        if len(batch.image) > 2:
            raise torch.OutOfMemoryError("no memory left")
        return losses(stage, batch)

    monkeypatch.setattr(ClassStage, "loss", fit_two_images)
    train_one_network(plan_of(shapes), RunFolder(tmp_path))

    assert sizes == [4, 2, 2, 2, 2, 2, 2]
    assert "one_network: memory ran out; going on from the last checkpoint with 2" in caplog.text
