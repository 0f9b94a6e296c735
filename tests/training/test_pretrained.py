"""Weights from files: their preprocessing is read, and every fault is one line."""

from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from decouplednet.errors import ModelError
from decouplednet.training import pretrained
from decouplednet.training.pretrained import IMAGENET_INPUT, frame_for, read_pretrained

CAFFE = "BGR, 0-255, minus (103.939, 116.779, 123.68), no scaling"


def test_caffe_preprocessing_is_read_from_its_words() -> None:
    frame = frame_for(64, CAFFE, "file")
    assert (frame.side, frame.channel_order) == (64, "BGR")
    assert frame.mean == (103.939, 116.779, 123.68)
    assert frame.deviation == (1.0, 1.0, 1.0)


def test_torchvision_preprocessing_is_turned_into_units_of_0_to_255() -> None:
    frame = frame_for(96, IMAGENET_INPUT, "file")
    assert frame.channel_order == "RGB"
    assert frame.mean == pytest.approx((123.675, 116.28, 103.53))
    assert frame.deviation == pytest.approx((58.395, 57.12, 57.375))


@pytest.mark.parametrize(
    "words",
    [
        "0-255, minus (1, 2, 3)",
        "RGB, minus (1, 2, 3)",
        "RGB, 0-1",
        "RGB, 0-1, minus (1.2.3, 1, 1)",
        "RGB, 0-1, minus (1, 1, 1), divided by (1, 1.1.1, 1)",
        "RGB, 0-1, minus (1, 1, 1), divided by (0, 0, 0)",
    ],
)
def test_words_without_order_range_or_mean_are_refused(words: str) -> None:
    with pytest.raises(
        ModelError, match=r"w\.safetensors: the metadata 'input' is .*expected words"
    ):
        frame_for(64, words, "w.safetensors")


def test_a_weights_file_gives_tensors_and_words(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"features.0.bias": torch.arange(3.0)}, file, {"input": CAFFE})
    read = read_pretrained(str(file))
    assert read.input == CAFFE
    assert read.tensors["features.0.bias"].tolist() == [0, 1, 2]


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such weights file"):
        read_pretrained(str(tmp_path / "none.safetensors"))


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"not weights at all, only some words")
    with pytest.raises(ModelError, match="not a readable safetensors file"):
        read_pretrained(str(file))


def test_a_file_that_does_not_say_its_preprocessing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"features.0.bias": torch.zeros(3)}, file)
    with pytest.raises(ModelError, match="its metadata has no 'input'"):
        read_pretrained(str(file))


def _refuse(fault: Exception) -> Callable[..., object]:
    def fetch(*arguments: object, **options: object) -> object:
        assert options["check_hash"] is True
        assert options["weights_only"] is True
        raise fault

    return fetch


@pytest.mark.parametrize(
    "fault",
    [URLError("no route to host"), RuntimeError("invalid hash value")],
    ids=["offline", "hash"],
)
def test_offline_one_line_says_what_to_do(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", _refuse(fault))
    with pytest.raises(
        ModelError, match=r"cannot be fetched from .*: (no route|invalid).* Go online"
    ):
        read_pretrained("imagenet")


def test_online_the_published_weights_come_with_their_preprocessing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fetch(address: str, **options: object) -> dict[str, torch.Tensor]:
        assert address == pretrained.IMAGENET_ADDRESS
        return {"features.0.bias": torch.ones(2)}

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    read = read_pretrained("imagenet")
    assert read.input == IMAGENET_INPUT
    assert list(read.tensors) == ["features.0.bias"]


def test_a_number_out_of_range_is_named() -> None:
    with pytest.raises(ModelError, match=r"\(0, 1, 1\)', out of range: deviation; expected words"):
        frame_for(64, "RGB, 0-1, minus (0, 0, 0), divided by (0, 1, 1)", "w.safetensors")
