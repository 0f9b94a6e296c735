"""What may change in each stage, and what stops it."""

import copy
import errno
from pathlib import Path

import pytest
import torch

from decouplednet.annotations.images import read_image
from decouplednet.errors import DataError, TrainingError
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.training import classifier as stage1
from decouplednet.training import segmenter as stage2
from decouplednet.training.curve import read_curve
from decouplednet.training.fit import is_out_of_memory, step_size
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.run import start_network
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import MaskStage
from tests.shapes import write_shapes
from tests.training.conftest import quick


def _start(shapes: Path, out: Path, *changes: str) -> tuple[DecoupledNet, Plan, RunFolder]:
    plan = make_plan(shapes, quick(*changes))
    folder = RunFolder(out)
    folder.checkpoints.mkdir(parents=True)
    return start_network(plan), plan, folder


def _changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {key for key in before if not torch.equal(before[key], after[key])}


def test_stage_1_changes_the_classifier_alone_and_then_freezes_it(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = _start(shapes, tmp_path)
    before = copy.deepcopy(network.state_dict())
    stage1.train_classifier(network, plan, folder)
    changed = _changed(before, network.state_dict())
    assert changed
    assert all(key.startswith("classifier.") for key in changed)
    assert not network.classifier.training
    assert not any(parameter.requires_grad for parameter in network.classifier.parameters())


def test_stage_2_changes_neither_weight_nor_statistic_of_the_classifier(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = _start(
        shapes,
        tmp_path,
        "segmenter.statistics_batches=2",
        "segmenter.held_out=0.3",
        "segmenter.patience=9",
    )
    freeze(network.classifier)
    before = copy.deepcopy(network.state_dict())
    stage2.train_segmenter(network, plan, folder)
    after = network.state_dict()
    changed = _changed(before, after)
    assert not [key for key in changed if key.startswith("classifier.")]
    assert [key for key in changed if key.startswith("bridge.")]
    assert [key for key in changed if key.startswith("decoder.")]
    assert any("running_mean" in key for key in after if key.startswith("classifier."))
    assert not network.training or not network.classifier.training


def test_frozen_groups_stay_as_they_are(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = _start(
        shapes, tmp_path, "classifier.trained_groups=1", "compute.cache_gigabytes=0"
    )
    before = copy.deepcopy(network.state_dict())
    stage1.train_classifier(network, plan, folder)
    changed = _changed(before, network.state_dict())
    last = {
        id(parameter)
        for layer in network.classifier.encoder.group(4)
        for parameter in layer.parameters()
    }
    learnt = {name for name, parameter in network.named_parameters() if id(parameter) in last}
    assert {
        key for key in changed if ".encoder." in key and "running" not in key and "num_" not in key
    } == learnt


def test_a_finished_stage_1_is_read_back(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = _start(shapes, tmp_path)
    stage1.train_classifier(network, plan, folder)
    again = start_network(plan)
    stage1.train_classifier(again, plan, folder)
    assert not _changed(network.state_dict(), again.state_dict())


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = _start(shapes, tmp_path, "segmenter.updates=7")
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
    network, plan, folder = _start(shapes, tmp_path)
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    kept = torch.load(folder.checkpoints / "segmenter" / "last.ckpt", weights_only=True)
    parts = {key.split(".")[1] for key in kept["state_dict"]}
    assert parts == {"bridge", "decoder"}


def test_when_memory_runs_out_the_step_is_halved_and_the_stage_goes_on(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    network, plan, folder = _start(shapes, tmp_path)
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
    network, plan, folder = _start(
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


def test_worker_processes_change_nothing_but_the_time(shapes: Path, tmp_path: Path) -> None:
    states = []
    for workers in (0, 2):
        network, plan, folder = _start(
            shapes, tmp_path / str(workers), f"compute.workers={workers}"
        )
        freeze(network.classifier)
        stage2.train_segmenter(network, plan, folder)
        states.append(network.state_dict())
    assert not _changed(*states)


def test_a_fault_in_a_worker_process_is_the_sentence_it_was(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data")
    network, plan, folder = _start(data, tmp_path / "run", "compute.workers=1")
    broken = plan.roles.tags[3].image
    broken.write_bytes(broken.read_bytes()[:90])
    with pytest.raises(DataError) as told:
        stage1.train_classifier(network, plan, folder)
    with pytest.raises(DataError) as expected:
        read_image(broken)
    assert str(told.value) == str(expected.value)


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = _start(shapes, tmp_path)
    freeze(network.classifier)
    replace = Path.replace
    saved: list[Path] = []

    def fill_up(path: Path, target: Path) -> Path:
        if target.suffix == ".ckpt":
            if saved:
                raise OSError(errno.ENOSPC, "No space left on device")
            saved.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fill_up)
    with pytest.raises(DataError, match=r"last\.ckpt: cannot be written: No space left on device"):
        stage2.train_segmenter(network, plan, folder)
    kept = torch.load(folder.checkpoints / "segmenter" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 2
    assert [file.name for file in (folder.checkpoints / "segmenter").iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"cos\nsystem\n(S'ls'\ntR."])
def test_a_damaged_or_hostile_checkpoint_is_refused(
    content: bytes, shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = _start(shapes, tmp_path)
    freeze(network.classifier)
    (folder.checkpoints / "segmenter").mkdir()
    (folder.checkpoints / "segmenter" / "last.ckpt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"last\.ckpt: not a readable checkpoint: .*remove it"):
        stage2.train_segmenter(network, plan, folder)


@pytest.mark.parametrize("content", [{"a": 1}, [1, 2]])
def test_a_file_that_is_no_checkpoint_is_refused(
    content: object, shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = _start(shapes, tmp_path)
    (folder.checkpoints / "classifier").mkdir()
    torch.save(content, folder.checkpoints / "classifier" / "last.ckpt")
    with pytest.raises(
        TrainingError,
        match=r"last\.ckpt: not a checkpoint of a run: holds no epoch, .*; remove it to start",
    ):
        stage1.train_classifier(network, plan, folder)


def test_a_checkpoint_of_another_network_is_refused(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = _start(shapes, tmp_path)
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    last = folder.checkpoints / "segmenter" / "last.ckpt"
    content = torch.load(last, weights_only=True)
    content["state_dict"].popitem()
    torch.save(content, last)
    with pytest.raises(
        TrainingError,
        match=r"last\.ckpt: of another network; .* first of 1 tensors that differ; remove",
    ):
        stage2.train_segmenter(network, plan, folder)


@pytest.mark.slow
def test_two_devices_share_every_update(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = _start(
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
    parts = {key.split(".")[0] for key in _changed(before, network.state_dict())}
    assert parts == {"classifier", "bridge", "decoder"}


def test_memory_that_is_too_small_for_one_image_stops_the_run(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = _start(shapes, tmp_path)
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
