"""A backbone of transformers as an encoder: features at several levels, and nothing fetched."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from decouplednet.errors import ModelError
from decouplednet.networks.vgg import Encoded

if TYPE_CHECKING:
    from types import ModuleType

LEVELS = 4
"""How many levels are taken where a backbone has more, evenly spread over its depth."""

_PROBE_SIDE = 672  # a multiple of the usual strides: 8, 12, 14, 16, 28 and 32
_STEM = "stem"
# What says nothing of the layers, or would make transformers run or fetch code that a config names.
_LEFT_OUT = frozenset(
    {
        *("architectures", "id2label", "label2id", "transformers_version"),
        *("out_features", "out_indices", "stage_names"),  # chosen here
        *("dtype", "torch_dtype", "quantization_config"),  # it computes in float32
        *("attn_implementation", "auto_map"),
        *("output_attentions", "output_hidden_states", "return_dict", "use_return_dict"),
    }
)
_FETCHING = "timm_backbone"  # wraps another library, which may fetch weights
_LONGEST = 200  # characters of a fault of transformers that are shown


@dataclass(frozen=True, slots=True)
class Backbone:
    """What a backbone of transformers is built from, and what it gives at its levels.

    Args:
        config: that of transformers as JSON values, with ``model_type``; it decides all else.
        levels: names of the stages that are taken, the shallowest first.
        channels: of each level.
        strides: of each level, in image pixels per position.
    """

    config: Mapping[str, Any]
    levels: tuple[str, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def stride(self) -> int:
        """Pixels of which sides of images are multiples: those of a position of the last level."""
        return self.strides[-1]

    def grids(self) -> tuple[int, ...]:
        """Return how many positions a decoder has at each other level along one of the last.

        Each level is at least twice as fine as the one below; where all levels have one stride, as
        in a vision transformer, the levels above the first two are enlarged to be so.

        Returns:
            The deepest level's first: (2, 4, 8) for strides of 4, 8, 16 and 32, (1, 2, 4) for
            four strides of 14.
        """
        others = reversed(self.strides[:-1])
        return tuple(max(self.stride // stride, 2**place) for place, stride in enumerate(others))


def backbone_of(config: Mapping[str, Any]) -> Backbone:
    """Return the backbone of a config, tried out on tensors without memory.

    Args:
        config: of transformers, as JSON values.

    Raises:
        ModelError: transformers is not installed, knows no such backbone, or cannot build or run
            it on images of any size; or its stride is no whole number of pixels.
    """
    plain = plain_config(config)
    try:
        with torch.device("meta"), torch.no_grad():
            module, levels = build_module(plain)
            maps = module.eval()(torch.empty(1, 3, _PROBE_SIDE, _PROBE_SIDE)).feature_maps
        channels = tuple(int(level.shape[1]) for level in maps)
        strides = tuple(_stride(level) for level in maps)
        # With all that the config leaves to defaults, which change from version to version.
        full: Any = module.config
        complete = plain_config(full.to_dict())
    except ModelError:
        raise
    except Exception as fault:  # whatever a config makes transformers raise
        raise ModelError(
            f"backbone {plain.get('model_type')}: transformers cannot use its config: "
            f"{first_line(fault)}"
        ) from None
    return Backbone(complete, levels, channels, strides)


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a config decides the layers, as JSON values.

    Where a file came from, what may be executed with it and how precisely it computes is left out.
    """
    kept = {
        key: plain_config(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in _LEFT_OUT and not key.startswith("_")
    }
    plain: dict[str, Any] = json.loads(json.dumps(kept))
    return plain


def transformers_library() -> "ModuleType":
    """Return transformers, imported when it is first needed.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise ModelError(
            "preset modern needs the package transformers, which is not installed; install it with "
            "python -m pip install 'decouplednet[modern]'"
        ) from None
    return transformers


def first_line(fault: Exception) -> str:
    """Return what a fault says, in one line that is not too long."""
    text = " ".join(str(fault).split()) or type(fault).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def spread_levels(stages: Sequence[str]) -> tuple[str, ...]:
    """Return the stages that are taken as levels: the last, and others evenly below it.

    Args:
        stages: names of all, the shallowest first, without the stem.

    >>> spread_levels([f"stage{number}" for number in range(1, 13)])
    ('stage3', 'stage6', 'stage9', 'stage12')
    """
    count = min(LEVELS, len(stages))
    ends = (-(-number * len(stages) // count) for number in range(1, count + 1))
    return tuple(stages[end - 1] for end in ends)


def build_module(config: Mapping[str, Any]) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the module of a config, with weights drawn anew, and the names of its levels.

    Args:
        config: as from ``plain_config``.

    Raises:
        ModelError: transformers is not installed, or knows no such backbone.
    """
    transformers = transformers_library()
    kind = config.get("model_type")
    if kind == _FETCHING or kind not in transformers.CONFIG_MAPPING:
        raise ModelError(
            f"model_type {kind!r} is no backbone of transformers {transformers.__version__}; "
            "expected one such as dinov2, convnext, resnet or swin"
        )
    full = transformers.CONFIG_MAPPING[kind].from_dict(dict(config))
    stages = [name for name in getattr(full, "stage_names", None) or () if name != _STEM]
    if not stages or type(full) not in transformers.MODEL_FOR_BACKBONE_MAPPING:
        raise ModelError(
            f"model_type {kind!r} has no levels of features that transformers "
            f"{transformers.__version__} gives; expected one such as dinov2, convnext, resnet or "
            "swin"
        )
    levels = spread_levels(stages)
    full.out_features = list(levels)
    module: nn.Module = transformers.AutoBackbone.from_config(full, trust_remote_code=False)
    return module.float(), levels


def _stride(level: Tensor) -> int:
    height, width = level.shape[2:]
    if height != width or _PROBE_SIDE % height:
        raise ModelError(
            f"a level of {height} x {width} positions of {_PROBE_SIDE} x {_PROBE_SIDE} pixels: "
            "expected a whole number of pixels for each position"
        )
    return _PROBE_SIDE // int(height)


class BackboneEncoder(nn.Module):
    """A backbone whose last level takes the place of pool5, and the others that of the skips.

    It is one group: it learns as a whole or not at all.

    Args:
        backbone: what it is built from; its weights are drawn anew.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.made_from = backbone
        self.backbone, _ = build_module(backbone.config)

    @property
    def stride(self) -> int:
        """Image pixels per position of the last level."""
        return self.made_from.stride

    @property
    def group_count(self) -> int:
        """One: the backbone as a whole."""
        return 1

    def forward(self, image: Tensor) -> Encoded:
        """Return the levels of (B, 3, H, W) images; H and W are multiples of the stride."""
        *skips, last = self.backbone(image).feature_maps
        return Encoded(last, (), tuple(skips))

    def encode(self, image: Tensor) -> Encoded:
        """Return what ``forward`` does; see ``Encoder``."""
        encoded: Encoded = self(image)
        return encoded

    def run_groups(self, x: Tensor, groups: range) -> Encoded:
        """Return what the backbone makes of images, or what it made where no group runs."""
        return self.encode(x) if len(groups) else Encoded(x, ())

    def group(self, number: int) -> list[nn.Module]:
        """Return the backbone, which is group 0."""
        return [[self.backbone][number]]

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """Take weights by the names that transformers gives them; see ``Encoder``."""
        expected = self.backbone.state_dict()
        unlike = sorted(
            key
            for key in expected.keys() | tensors.keys()
            if key not in expected
            or key not in tensors
            or expected[key].shape != tensors[key].shape
        )
        if unlike:
            raise ModelError(
                f"{unlike[0]} is the first of {len(unlike)} tensors that differ from those of "
                f"backbone {self.made_from.config.get('model_type')}"
            )
        self.backbone.load_state_dict(dict(tensors))
