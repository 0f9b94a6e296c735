"""Checkpoints that are whole or not there, and run no code when they are read."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO

from decouplednet.annotations.files import write_atomically
from decouplednet.errors import TrainingError


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

        Raises:
            TrainingError: it cannot be read, or holds something else.
        """
        del weights_only
        return read_checkpoint(Path(path), map_location)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Return what a checkpoint holds.

    Args:
        path: the file.
        map_location: where its tensors go, as for ``torch.load``.

    Raises:
        TrainingError: it cannot be read, or holds more than tensors and plain values.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as fault:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise TrainingError(
            f"{path}: not a readable checkpoint: {reason}; remove it to start this stage anew"
        ) from None
    return content
