import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from decouplednet.errors import ModelError
from decouplednet.inference.weights import read_weights, write_weights
from decouplednet.networks.decouplednet import DecoupledNet
from tests.inference.small import small_network

CPU = torch.device("cpu")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_weights(tmp_path / "w.safetensors", small_network())
    return tmp_path / "w.safetensors"


def empty_network() -> DecoupledNet:
    with torch.device("meta"):
        return small_network()


def test_what_is_read_is_what_was_written(file: Path) -> None:
    network = empty_network()

    read_weights(file, network, CPU)

    expected = small_network().state_dict()
    state = network.state_dict()
    assert state.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(state[key], tensor), key
        assert state[key].device == CPU


def test_a_network_that_is_read_lies_channels_last(file: Path) -> None:
    network = empty_network()

    read_weights(file, network, CPU)

    weight = network.get_parameter("classifier.encoder.features.2.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_are_written_as_float32_in_rows_whatever_they_were(tmp_path: Path) -> None:
    network = small_network().to(torch.float64)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch documents it

    write_weights(tmp_path / "w.safetensors", network)

    tensors = load_file(tmp_path / "w.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32, torch.int64}
    for key, tensor in small_network().state_dict().items():
        assert torch.equal(tensors[key], tensor), key


def test_a_file_may_be_read_by_whom_the_umask_allows(file: Path) -> None:
    plain = file.with_name("plain")
    plain.touch()

    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        write_weights(tmp_path / "absent/w.safetensors", small_network())


def test_a_fault_of_safetensors_has_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w").mkdir()  # a file cannot take a folder's name

    with pytest.raises(OSError, match="I/O error") as fault:
        write_weights(tmp_path / "w", small_network())

    assert "I/O error" in (fault.value.strerror or "")


def damaged(whole: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "short": whole[:-1],
        "half a header": whole[:100],
        "huge header": b"\xff" * 8 + whole[8:],
        "pickle": pickle.dumps({"weights": [1.0]}),
    }


@pytest.mark.parametrize("kind", ["empty", "short", "half a header", "huge header", "pickle"])
def test_a_damaged_file_is_one_line(file: Path, kind: str) -> None:
    file.write_bytes(damaged(file.read_bytes())[kind])

    with pytest.raises(
        ModelError, match=r"w\.safetensors: not a whole safetensors file: "
    ) as refusal:
        read_weights(file, empty_network(), CPU)

    assert "\n" not in str(refusal.value)


def test_an_absent_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent: not a whole safetensors file: No such file"):
        read_weights(tmp_path / "absent", empty_network(), CPU)


def with_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["decoder.score.bias"] = torch.zeros(5)


def with_type(tensors: dict[str, torch.Tensor]) -> None:
    tensors["decoder.score.bias"] = torch.zeros(2, dtype=torch.float64)


def without_one(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["decoder.score.bias"]


def with_another(tensors: dict[str, torch.Tensor]) -> None:
    tensors["extra"] = torch.zeros(2, 3)


def with_none_but_another(tensors: dict[str, torch.Tensor]) -> None:
    tensors.clear()
    tensors["extra"] = torch.zeros(2, 3)


def with_nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["decoder.score.bias"][1] = float("nan")


def with_infinity(tensors: dict[str, torch.Tensor]) -> None:
    tensors["bridge.pool5_norm.running_var"][1] = float("inf")


EXPECTED = r"in 1 tensors: expected decoder.score.bias F32 \(2,\); found"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (with_shape, rf"{EXPECTED} decoder.score.bias F32 \(5,\)$"),
        (with_type, rf"{EXPECTED} decoder.score.bias F64 \(2,\)$"),
        (without_one, rf"{EXPECTED} none of them$"),
        (with_another, r"in 1 tensors: expected none of them; found extra F32 \(2, 3\)$"),
        (
            with_none_but_another,
            r"expected bridge\S+ F32 .*, bridge.*, bridge.*, \d+ more; found extra F32 \(2, 3\)$",
        ),
        (with_nan, "decoder.score.bias holds values that are not finite; train again"),
        (with_infinity, "running_var holds values that are not finite; train again"),
    ],
)
def test_weights_of_another_network_are_refused_with_both_sides(
    file: Path, edit: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    tensors = load_file(file)
    edit(tensors)
    save_file(tensors, file)

    with pytest.raises(ModelError, match=message):
        read_weights(file, empty_network(), CPU)


def test_a_network_does_not_change_with_its_file(file: Path) -> None:
    network = empty_network()
    read_weights(file, network, CPU)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}

    with file.open("r+b") as stream:
        stream.seek(-4096, os.SEEK_END)
        stream.write(b"\x01" * 4096)

    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[key]), key
