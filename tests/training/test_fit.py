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
from decouplednet.training.fit import is_out_of_memory, step_size
from decouplednet.training.stages import MaskStage
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
    with pytest.raises(TrainingError, match="memory ran out with a single image in a step"):
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
