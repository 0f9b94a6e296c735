"""What stages leave on disk: whole or not there, and runs no code when it is read."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from decouplednet.annotations.files import write_atomically
from decouplednet.errors import TrainingError

REMEDY = "remove it to start this stage anew"
# What Lightning goes on from.
NEEDED = frozenset({"epoch", "global_step", "loops", "lr_schedulers", "optimizer_states"}) | {
    "pytorch-lightning_version",
    "state_dict",
}


class WholeCheckpoints(CheckpointIO):
    """Writes a checkpoint beside the last one and then takes its place.

    Lightning's own writer copies between file systems, and a full disk left half a file where the
    last good checkpoint had been.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            DataError: it cannot be written; the one before is still there.
        """
        del storage_options
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_atomically(Path(path), content.getvalue())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Return a checkpoint; only tensors and plain values are read, whatever is asked for.

        Several devices hand their weights over in such a file too, which holds nothing else.

        Raises:
            TrainingError: it cannot be read, or holds something else.
        """
        del weights_only
        content: dict[str, Any] = _load(Path(path), map_location)
        return content

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, on the CPU.

    Args:
        path: the file.

    Raises:
        TrainingError: it cannot be read, holds more than tensors and plain values, or is no
            checkpoint of Lightning's.
    """
    content = _load(path, "cpu")
    missing = NEEDED - set(content if isinstance(content, dict) else ())
    if missing:
        raise TrainingError(
            f"{path}: not a checkpoint of a run: holds no {', '.join(sorted(missing))}; {REMEDY}"
        )
    return dict(content)


def _load(path: Path, map_location: Any) -> Any:
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as fault:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise TrainingError(f"{path}: not a readable checkpoint: {reason}; {REMEDY}") from None


def write_learnt(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write what a finished stage learnt.

    Args:
        path: the file, safetensors.
        state: tensors by name.

    Raises:
        DataError: it cannot be written.
    """
    write_atomically(path, save({name: tensor.contiguous() for name, tensor in state.items()}))


def read_learnt(path: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what a finished stage learnt.

    Args:
        path: the file that ``write_learnt`` wrote.
        expected: what the network has, by the same names.

    Raises:
        TrainingError: it cannot be read, or is of another network.
    """
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as fault:
        raise TrainingError(f"{path}: not a readable safetensors file: {fault}; {REMEDY}") from None
    check_fit(state, expected, path)
    return state


def check_fit(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors of another network.

    Args:
        found: what a file holds.
        expected: what the network has, by the same names.
        path: the file, for the message.

    Raises:
        TrainingError: a name or shape differs.
    """
    unlike = sorted(
        key
        for key in found.keys() | expected.keys()
        if key not in found or key not in expected or found[key].shape != expected[key].shape
    )
    if unlike:
        raise TrainingError(
            f"{path}: of another network; {unlike[0]} is the first of {len(unlike)} tensors that "
            f"differ; {REMEDY}"
        )
