"""Checkpoints that are whole or not there."""

import errno
from pathlib import Path

import pytest
import torch

from decouplednet.errors import DataError, TrainingError
from decouplednet.networks.decouplednet import freeze
from decouplednet.training import classifier as stage1
from decouplednet.training import segmenter as stage2
from decouplednet.training.checkpoints import WholeCheckpoints, read_checkpoint
from tests.training.conftest import start


@pytest.fixture(scope="module")
def checkpoint(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of a finished stage 2."""
    network, plan, folder = start(shapes, tmp_path_factory.mktemp("stage"))
    freeze(network.classifier)
    stage2.train_segmenter(network, plan, folder)
    return folder.checkpoints / "segmenter" / "last.ckpt"


def test_what_is_saved_is_loaded_and_takes_the_place_of_the_one_before(
    checkpoint: Path, tmp_path: Path
) -> None:
    content = read_checkpoint(checkpoint)
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"the one before")
    files = WholeCheckpoints()

    files.save_checkpoint(content, path)

    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]
    loaded = files.load_checkpoint(path, map_location="cpu")
    assert loaded.keys() == content.keys()
    assert loaded["global_step"] == 3
    state = content["state_dict"]
    assert state.keys() == loaded["state_dict"].keys()
    assert all(torch.equal(tensor, loaded["state_dict"][key]) for key, tensor in state.items())


def test_tensors_go_where_they_are_asked_to(checkpoint: Path) -> None:
    state = WholeCheckpoints().load_checkpoint(checkpoint, map_location="meta")["state_dict"]

    assert {tensor.device.type for tensor in state.values()} == {"meta"}


def test_code_in_a_checkpoint_is_not_run_even_if_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {}, "path": tmp_path}, path)

    with pytest.raises(TrainingError, match=r"last\.ckpt: not a readable checkpoint: "):
        WholeCheckpoints().load_checkpoint(path, weights_only=False)


def test_a_checkpoint_that_is_removed_may_be_gone_already(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"some")
    files = WholeCheckpoints()

    files.remove_checkpoint(path)
    files.remove_checkpoint(str(path))

    assert not path.exists()


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
    folder.segmenter.unlink()
    with pytest.raises(
        TrainingError,
        match=r"last\.ckpt: of another network; .* first of 1 tensors that differ; remove",
    ):
        stage2.train_segmenter(network, plan, folder)
