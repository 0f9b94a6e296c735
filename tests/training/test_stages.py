"""What a step does, and what a stage leaves out of its checkpoints."""

from pathlib import Path

import pytest
import torch

from decouplednet.dataset.masked import MaskedExample
from decouplednet.errors import TrainingError
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.presets import preset_named
from decouplednet.stage_settings import ClassifierSettings, SegmenterSettings
from decouplednet.training import segmenter as stage2
from decouplednet.training.losses import tag_loss
from decouplednet.training.stages import MaskStage, TagStage
from tests.training.conftest import changed_parts, start


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(shapes, tmp_path, "segmenter.updates=7")
    freeze(network.classifier)
    losses = MaskStage.loss

    def fail_at_update_5(stage: MaskStage, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        loss = losses(stage, batch)  # type: ignore[arg-type]  # three tensors
        return loss * float("nan") if stage.global_step == 4 else loss

    monkeypatch.setattr(MaskStage, "loss", fail_at_update_5)
    with pytest.raises(
        TrainingError,
        match=r"segmenter: the loss became nan at update 5, batch 0 of its epoch; lower "
        r"segmenter\.learning_rate .* and start anew in another folder$",
    ):
        stage2.train_segmenter(network, plan, folder)
    kept = torch.load(folder.checkpoints / "segmenter" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 4
    assert all(value.isfinite().all() for value in kept["state_dict"].values())


def test_checkpoints_of_stage_2_leave_the_frozen_classifier_out(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path)
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    kept = torch.load(folder.checkpoints / "segmenter" / "last.ckpt", weights_only=True)
    parts = {key.split(".")[1] for key in kept["state_dict"]}
    assert parts == {"bridge", "decoder"}


def test_worker_processes_change_nothing_but_the_time(shapes: Path, tmp_path: Path) -> None:
    states = []
    for workers in (0, 2):
        network, plan, folder = start(shapes, tmp_path / str(workers), f"compute.workers={workers}")
        freeze(network.classifier)
        stage2.train_segmenter(network, plan, folder)
        states.append(network.state_dict())
    assert not changed_parts(*states)


def test_the_loss_of_stage_1_is_that_of_its_tags_by_their_weights() -> None:
    score, weight = torch.tensor([[1.3, -0.2], [0.4, -2.1]]), torch.tensor([4.0, 2.5])
    tags = torch.tensor([[1.0, 0.0], [0.0, torch.nan]])
    stage = TagStage(torch.nn.Identity(), ClassifierSettings(), weight=weight, seed=0)

    loss = stage.loss((score, tags))

    torch.testing.assert_close(loss, tag_loss(score, tags, weight))
    assert loss != tag_loss(score, tags, torch.ones(2))


@pytest.mark.parametrize(
    ("dropout", "shares"), [(None, None), (0.99, (0.0, 0.05)), (0.4, (0.5, 0.7))]
)
def test_f_cls_is_dropped_for_a_share_of_the_samples_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, dropout: float | None, shares: tuple[float, float] | None
) -> None:
    network = preset_named("tiny-skip").build(3)
    freeze(network.classifier)
    stage = MaskStage(network, SegmenterSettings(saliency_dropout=dropout), seed=3)
    given: list[torch.Tensor | None] = []

    def forward(image: torch.Tensor, *rest: torch.Tensor | None) -> torch.Tensor:
        given.append(rest[2])
        return torch.zeros(len(image), 2, 64, 64, requires_grad=True)

    monkeypatch.setattr(network, "forward", forward)
    count = 200
    asked = torch.ones(count, 3, dtype=torch.bool)
    target = torch.zeros(count, 64, 64, dtype=torch.uint8)
    torch.manual_seed(0)
    stage.loss(MaskedExample(torch.zeros(count, 3, 1, 1), asked, target, target, asked.float()))

    (shown,) = given
    if shares is None:
        assert shown is None
    else:
        assert shown is not None
        assert shown.shape == (count, 3)
        assert torch.equal(shown.any(dim=1), shown.all(dim=1))
        assert shares[0] <= shown.float().mean() <= shares[1]
