"""A name for a model that changes whenever it could predict otherwise."""

import hashlib
import json

import torch

from decouplednet.inference.devices import precision_word
from decouplednet.inference.segmenter import Segmenter

_SIGNS = 12  # of the digest: two models in a million million million share them


def model_version(segmenter: Segmenter) -> str:
    """Return preset and digest of a model: of its weights, classes, frame, procedure and precision.

    Args:
        segmenter: the model.
    """
    digest = hashlib.sha256()
    told = {
        "classes": segmenter.classes.names,
        "frame": segmenter.frame.to_dict(),
        "prediction": segmenter.procedure.to_dict(),
        "precision": precision_word(segmenter.precision),
    }
    digest.update(json.dumps(told, sort_keys=True).encode())
    for name, value in sorted(segmenter.network.state_dict().items()):
        digest.update(name.encode())
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(content.numpy().data)
    return f"decouplednet-{segmenter.preset}-{digest.hexdigest()[:_SIGNS]}"
