"""Which model made pre-labels, as a digest, so that two models never share a folder."""

import hashlib
import json
from pathlib import Path

import torch

from decouplednet.errors import ModelError
from decouplednet.inference.model_folder import WEIGHTS, folder_of
from decouplednet.inference.segmenter import Segmenter


def identity_of(model: Segmenter | Path | str, segmenter: Segmenter) -> str:
    """Return a digest of a model's weights, its classes, its frame and how it predicts.

    Args:
        model: itself, or the path of a run or model folder, whose file is digested.
        segmenter: the model, loaded.

    Raises:
        ModelError: the file cannot be read.
    """
    digest = hashlib.sha256(json.dumps(_described(segmenter), sort_keys=True).encode())
    if isinstance(model, Segmenter):
        for name, tensor in sorted(segmenter.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()
    file = folder_of(Path(model)) / WEIGHTS
    try:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as fault:
        raise ModelError(f"{file}: cannot be read: {fault.strerror}") from None
    return digest.hexdigest()


def name_of_model(model: Segmenter | Path | str, segmenter: Segmenter, identity: str) -> str:
    """Return what people call a model: its run's folder, or its preset, and its digest's start.

    Args:
        model: itself, or the path of a run or model folder.
        segmenter: the model, loaded.
        identity: its digest.
    """
    if isinstance(model, Segmenter):
        return f"{segmenter.preset} {identity[:8]}"
    folder = folder_of(Path(model)).absolute()
    return f"{(folder.parent if folder.name == 'model' else folder).name} {identity[:8]}"


def _described(segmenter: Segmenter) -> list[object]:
    frame = segmenter.frame.to_dict()
    return [*segmenter.classes, segmenter.preset, frame, segmenter.procedure.to_dict()]
