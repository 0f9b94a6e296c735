"""Backbones of transformers of a few channels, one of each family, whose sizes differ."""

from typing import Any

import torch
from torch import Tensor, nn

from decouplednet.networks.backbone import Backbone, backbone_of

CONFIGS: dict[str, dict[str, Any]] = {
    "resnet": {
        "model_type": "resnet",
        "embedding_size": 6,
        "hidden_sizes": [8, 10, 12, 14],
        "depths": [1, 1, 2, 1],
        "layer_type": "basic",
    },
    "convnext": {
        "model_type": "convnext",
        "hidden_sizes": [7, 9, 11, 13],
        "depths": [1, 2, 1, 1],
    },
    "swin": {
        "model_type": "swin",
        "embed_dim": 4,
        "depths": [1, 1, 2, 1],
        "num_heads": [1, 2, 2, 4],
        "window_size": 3,
        "image_size": 64,
    },
    "dinov2": {
        "model_type": "dinov2",
        "hidden_size": 12,
        "num_hidden_layers": 5,
        "num_attention_heads": 3,
        "mlp_ratio": 2,
        "image_size": 70,
        "patch_size": 14,
    },
}
HIERARCHICAL = ("resnet", "convnext", "swin")
FAMILIES = tuple(CONFIGS)


def small_backbone(family: str) -> Backbone:
    return backbone_of(CONFIGS[family])


def library_backbone(config: Any) -> nn.Module:
    """Return what transformers itself builds of its config, with weights drawn anew."""
    import transformers

    auto: Any = transformers.AutoBackbone
    module: nn.Module = auto.from_config(config)
    return module


def images_for(backbone: Backbone, count: int = 2, rows: int = 3, columns: int = 5) -> Tensor:
    """Return images of so many rows and columns of positions of the last level."""
    rng = torch.Generator().manual_seed(4)
    return torch.randn(count, 3, rows * backbone.stride, columns * backbone.stride, generator=rng)
