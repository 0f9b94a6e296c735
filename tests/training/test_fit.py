"""What stops a stage, what makes its steps smaller, and which weights it keeps."""

import copy
from pathlib import Path

import pytest
import torch

from decouplednet.annotations.images import read_image
from decouplednet.errors import DataError, TrainingError
from decouplednet.networks.decouplednet import freeze
from decouplednet.training import classifier as stage1
from decouplednet.training import segmenter as stage2
from decouplednet.training.curve import read_curve
from decouplednet.training.fit import Effort, effort_of, is_out_of_memory
from decouplednet.training.stages import MaskStage
from decouplednet.training.start import start_network
from decouplednet.training.step_size import step_size
from tests.shapes import write_shapes
from tests.training.conftest import changed_parts, quick, start


def test_when_memory_runs_out_the_step_is_halved_and_the_stage_goes_on(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    network, plan, folder = start(shapes, tmp_path)
    freeze(network.classifier)
    losses, sizes = MaskStage.loss, []

    def fit_two_images(stage: MaskStage, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        sizes.append(len(batch[0]))
        if len(batch[0]) > 2:
            raise torch.OutOfMemoryError("no memory left")
        return losses(stage, batch)  # type: ignore[arg-type]  # three tensors

    monkeypatch.setattr(MaskStage, "loss", fit_two_images)
    stage2.train_segmenter(network, plan, folder)
    assert sizes == [4, 2, 2, 2, 2, 2, 2]
    assert "segmenter: memory ran out; going on from the last checkpoint with 2" in caplog.text
    updates = [row["update"] for row in read_curve(folder.curves)]
    assert updates == ["1", "2", "3"]


def test_early_stopping_keeps_the_best_epoch_on_the_held_out_masks(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(
        shapes,
        tmp_path,
        "segmenter.updates=40",
        "segmenter.updates_per_epoch=1",
        "segmenter.learning_rate=1e-9",
        "segmenter.held_out=0.3",
        "segmenter.patience=2",
    )
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    rows = read_curve(folder.curves)
    assert len(rows) < 40
    measured = [float(row["held_out_iou"]) for row in rows]
    best = torch.load(folder.checkpoints / "segmenter" / "best.ckpt", weights_only=True)
    assert best["global_step"] == 1 + measured.index(max(measured))
    state = network.state_dict()
    assert all(
        torch.equal(value, state[key.removeprefix("network.")])
        for key, value in best["state_dict"].items()
    )


STOPPING = (
    "segmenter.updates=40",
    "segmenter.updates_per_epoch=1",
    "segmenter.learning_rate=1e-9",
    "segmenter.held_out=0.3",
    "segmenter.patience=2",
    "segmenter.statistics_batches=2",
)


@pytest.mark.parametrize("killed", [False, True], ids=["finished", "killed before its marker"])
def test_a_stage_that_stopped_early_is_not_trained_on(
    killed: bool, shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path, *STOPPING)
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    curve = folder.curves.read_bytes()
    assert len(read_curve(folder.curves)) < 40
    if killed:
        folder.segmenter.unlink()
    again = start_network(plan)
    freeze(again.classifier)

    stage2.train_segmenter(again, plan, folder)

    assert folder.curves.read_bytes() == curve
    assert not changed_parts(network.state_dict(), again.state_dict())
    assert not any(part.training for part in again.modules())


def test_the_last_checkpoint_is_written_after_the_best_one(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(shapes, tmp_path, *STOPPING, "segmenter.updates=1")
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    checkpoints = folder.checkpoints / "segmenter"
    last = torch.load(checkpoints / "last.ckpt", weights_only=True)
    (best,) = (
        state
        for name, state in last["callbacks"].items()
        if "held_out_iou" in str(state) and name.startswith("ModelCheckpoint")
    )
    assert best["best_model_path"] == str(checkpoints / "best.ckpt")


def test_memory_that_runs_out_before_the_first_checkpoint_leaves_no_trace(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, plan, folder = start(shapes, tmp_path / "smaller", "segmenter.images_per_step=2")
    freeze(expected.classifier)
    stage2.train_segmenter(expected, plan, folder)
    network, plan, folder = start(shapes, tmp_path / "halved")
    freeze(network.classifier)
    losses = MaskStage.loss

    def run_out_later(stage: MaskStage, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        if len(batch[0]) > 2 and stage.global_step == 1:
            raise torch.OutOfMemoryError("no memory left")
        return losses(stage, batch)  # type: ignore[arg-type]  # three tensors

    monkeypatch.setattr(MaskStage, "loss", run_out_later)
    stage2.train_segmenter(network, plan, folder)
    assert not changed_parts(expected.state_dict(), network.state_dict())


def test_the_seconds_of_a_stage_include_those_before_its_last_checkpoint(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path, "segmenter.updates=2")
    freeze(network.classifier)
    checkpoints = folder.checkpoints / "segmenter"
    assert effort_of(checkpoints) == Effort(0, 0.0)
    stage2.train_segmenter(network, plan, folder)
    assert effort_of(checkpoints).updates == 2
    assert 0 < effort_of(checkpoints).seconds < 60
    content = torch.load(checkpoints / "last.ckpt", weights_only=True)
    torch.save(content | {"seconds": 1000.0}, checkpoints / "last.ckpt")
    folder.segmenter.unlink()

    network, plan, _ = start(shapes, tmp_path, "segmenter.updates=4")
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)

    assert effort_of(checkpoints).updates == 4
    assert 1000 < effort_of(checkpoints).seconds < 1060


@pytest.mark.slow
def test_two_devices_share_every_update(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(
        shapes, tmp_path, "compute.devices=2", "segmenter.images_per_step=2"
    )
    before = copy.deepcopy(network.state_dict())
    stage1.train_classifier(network, plan, folder)
    stage2.train_segmenter(network, plan, folder)
    updates = [(row["stage"], row["update"]) for row in read_curve(folder.curves)]
    assert updates == [
        *(("classifier", str(update)) for update in range(1, 6)),
        *(("segmenter", str(update)) for update in range(1, 4)),
    ]
    parts = {key.split(".")[0] for key in changed_parts(before, network.state_dict())}
    assert parts == {"classifier", "bridge", "decoder"}


def test_memory_that_is_too_small_for_one_image_stops_the_run(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(shapes, tmp_path)
    freeze(network.classifier)

    def never(stage: MaskStage, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(MaskStage, "loss", never)
    with pytest.raises(TrainingError, match="memory ran out with a single image in a step; choose"):
        stage2.train_segmenter(network, plan, folder)


def test_memory_too_small_for_the_fewest_images_stops_the_run(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(shapes, tmp_path, "side=32")
    freeze(network.classifier)

    def never(stage: MaskStage, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(MaskStage, "loss", never)
    with pytest.raises(
        TrainingError, match="memory ran out with 2 images, the fewest it takes, in a step; choose"
    ):
        stage2.train_segmenter(network, plan, folder)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError())
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_an_update_is_shared_evenly_by_the_devices() -> None:
    settings = quick().segmenter
    assert step_size(settings, 2) == 2
    with pytest.raises(TrainingError, match=r"images_per_update = 4 is no multiple .* 3 devices"):
        step_size(settings, 3)


def test_a_fault_in_a_worker_process_is_the_sentence_it_was(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data")
    network, plan, folder = start(data, tmp_path / "run", "compute.workers=1")
    broken = plan.roles.tags[3].image
    broken.write_bytes(broken.read_bytes()[:90])
    with pytest.raises(DataError) as told:
        stage1.train_classifier(network, plan, folder)
    with pytest.raises(DataError) as expected:
        read_image(broken)
    assert str(told.value) == str(expected.value)
