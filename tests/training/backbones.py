"""Folders of backbones as transformers writes them."""

from pathlib import Path
from typing import Any

from tests.networks.backbones import CONFIGS, library_backbone


def write_backbone(
    folder: Path, family: str, *, weights: bool = True, half: bool = False, seed: int = 3
) -> Path:
    """Write ``config.json`` and, if wished, random weights of a family; return the folder."""
    import torch
    import transformers

    config = transformers.AutoConfig.for_model(**CONFIGS[family])
    config.save_pretrained(folder)
    if weights:
        torch.manual_seed(seed)
        module: Any = library_backbone(config)
        (module.half() if half else module).save_pretrained(folder)
    return folder
