"""Folders of backbones as transformers writes them."""

from pathlib import Path

from tests.networks.backbones import CONFIGS


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
        module = transformers.AutoBackbone.from_config(config)
        (module.half() if half else module).save_pretrained(folder)
    return folder
