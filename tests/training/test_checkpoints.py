"""Checkpoints that are whole or not there."""

import errno
from pathlib import Path

import pytest
import torch

from decouplednet.errors import DataError, TrainingError
from decouplednet.networks.decouplednet import freeze
from decouplednet.training import classifier as stage1
from decouplednet.training import segmenter as stage2
from tests.training.conftest import start


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(shapes, tmp_path)
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
    network, plan, folder = start(shapes, tmp_path)
    freeze(network.classifier)
    (folder.checkpoints / "segmenter").mkdir()
    (folder.checkpoints / "segmenter" / "last.ckpt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"last\.ckpt: not a readable checkpoint: .*remove it"):
        stage2.train_segmenter(network, plan, folder)


@pytest.mark.parametrize("content", [{"a": 1}, [1, 2]])
def test_a_file_that_is_no_checkpoint_is_refused(
    content: object, shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path)
    (folder.checkpoints / "classifier").mkdir()
    torch.save(content, folder.checkpoints / "classifier" / "last.ckpt")
    with pytest.raises(
        TrainingError,
        match=r"last\.ckpt: not a checkpoint of a run: holds no epoch, .*; remove it to start",
    ):
        stage1.train_classifier(network, plan, folder)


def test_a_checkpoint_of_another_network_is_refused(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(shapes, tmp_path)
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
