"""The weights of a network in a safetensors file, which is data only and runs no code."""

import errno
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from decouplednet.errors import ModelError

_NAMES = {torch.float32: "F32", torch.int64: "I64"}
_LISTED = 3


def write_weights(file: Path, network: nn.Module) -> None:
    """Write the weights and running statistics of a network, float32 and in rows.

    Raises:
        OSError: the file cannot be written; a part of it may be left.
    """
    tensors = {}
    for key, tensor in network.state_dict().items():
        plain = tensor.float() if tensor.is_floating_point() else tensor
        tensors[key] = plain.cpu().contiguous()
    file.touch()
    mode = file.stat().st_mode
    try:
        save_file(tensors, file)
    except SafetensorError as fault:
        raise OSError(errno.EIO, str(fault)) from None
    # safetensors leaves a file that only its owner may read, whatever the umask says.
    file.chmod(mode)


def read_weights(file: Path, network: nn.Module, device: torch.device) -> None:
    """Give a network the weights of a file.

    Args:
        file: what ``write_weights`` left.
        network: on the ``meta`` device, or built in full where some of its tensors are in no file;
            it is moved to ``device``, channels last.
        device: where it is to compute.

    Raises:
        ModelError: the file is damaged, its tensors are others than the network's (the message
            lists both sides), or a value is not finite.
    """
    expected_tensors = network.state_dict()
    expected = {key: _line(t.shape, _NAMES[t.dtype]) for key, t in expected_tensors.items()}
    try:
        with safe_open(file, framework="pt") as tensors:
            slices = {key: tensors.get_slice(key) for key in tensors.keys()}  # noqa: SIM118 - not a mapping
            found = {key: _line(s.get_shape(), s.get_dtype()) for key, s in slices.items()}
            _check_equal(expected, found, file)
            weights = {key: tensors.get_tensor(key) for key in expected}
    except (OSError, SafetensorError) as fault:
        raise ModelError(f"{file}: not a whole safetensors file: {fault}") from None
    _check_finite(weights, file)
    # Copied, because the tensors of the file change when somebody writes over it.
    if any(tensor.is_meta for tensor in expected_tensors.values()):
        network.to_empty(device=device)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch documents it
    network.load_state_dict(weights)


def _line(shape: torch.Size | list[int], kind: str) -> str:
    return f"{kind} {tuple(shape)}"


def _check_equal(expected: Mapping[str, str], found: Mapping[str, str], file: Path) -> None:
    keys = sorted(expected.keys() | found.keys())
    unlike = [key for key in keys if expected.get(key) != found.get(key)]
    if unlike:
        raise ModelError(
            f"{file}: does not fit the network of model.json in {len(unlike)} tensors: expected "
            f"{_listing(expected, unlike)}; found {_listing(found, unlike)}"
        )


def _listing(lines: Mapping[str, str], keys: list[str]) -> str:
    listed = [f"{key} {lines[key]}" for key in keys if key in lines]
    more = [f"{len(listed) - _LISTED} more"] if len(listed) > _LISTED else []
    return ", ".join(listed[:_LISTED] + more) if listed else "none of them"


def _check_finite(weights: Mapping[str, Tensor], file: Path) -> None:
    for key, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{file}: {key} holds values that are not finite; train again")
