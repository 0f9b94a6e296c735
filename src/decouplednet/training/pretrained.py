"""Convolutions that someone trained before: their tensors, and the preprocessing they expect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from decouplednet.dataset.frame import Frame, torchvision_frame
from decouplednet.errors import ModelError
from decouplednet.networks.presets import Preset
from decouplednet.networks.vgg import VGG, unlike_convolutions
from decouplednet.training.backbones import FoundBackbone, read_backbone_weights

# The VGG-16 that torchvision publishes. The last part of the name is the start of its SHA-256,
# which torch.hub checks after the download.
IMAGENET_ADDRESS = "https://download.pytorch.org/models/vgg16-397923af.pth"
IMAGENET_INPUT = "RGB, 0-1, minus (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225)"
_NUMBER = r"\s*(\d{1,3}(?:\.\d*)?|\.\d+)\s*"
_TRIPLE = rf"\({_NUMBER},{_NUMBER},{_NUMBER}\)"


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Convolutions and how images must be prepared for them.

    Args:
        tensors: by torchvision's key names, such as ``features.0.weight``.
        input: the preprocessing in words, as ``frame_for`` reads it.
    """

    tensors: Mapping[str, Tensor]
    input: str


@dataclass(frozen=True, slots=True)
class Start:
    """What an encoder starts from, and how images are prepared for it.

    Args:
        tensors: by the encoder's own names; None: weights drawn anew.
        frame: of the run.
    """

    tensors: Mapping[str, Tensor] | None
    frame: Frame


def read_start(weights: str, preset: Preset, side: int, found: FoundBackbone | None) -> Start:
    """Return what the encoder of a preset starts from.

    Args:
        weights: ``imagenet``, ``none``, ``backbone`` or the path of a file.
        preset: sizes of the network.
        side: of the frame, in pixels.
        found: the backbone of preset modern; None for the others.

    Raises:
        ModelError: the weights cannot be read, or are not those of the preset.
    """
    if found is not None:
        tensors = None if weights == "none" else read_backbone_weights(found)
        return Start(tensors, found.frame(side))
    if weights == "none":
        return Start(None, torchvision_frame(side))
    pretrained = read_pretrained(weights)
    check_convolutions(pretrained, preset, weights)
    return Start(pretrained.tensors, frame_for(side, pretrained.input, weights))


def read_pretrained(source: str) -> Pretrained:
    """Return the convolutions of a weights file, or of ImageNet.

    Args:
        source: ``imagenet``, or the path of a safetensors file whose metadata holds ``input``.

    Raises:
        ModelError: the file is missing or no safetensors file, says nothing of its
            preprocessing, or ImageNet's weights cannot be fetched.
    """
    return _fetch_imagenet() if source == "imagenet" else _read_file(Path(source))


def frame_for(side: int, input_words: str, where: str) -> Frame:
    """Return the frame that prepares images as a weights file asks.

    Args:
        side: side of the frame, in pixels.
        input_words: such as ``BGR, 0-255, minus (103.9, 116.8, 123.7), no scaling`` or
            ``RGB, 0-1, minus (0.5, 0.5, 0.5), divided by (0.2, 0.2, 0.2)``.
        where: the file, for the message.

    Raises:
        ModelError: the words say no channel order, no range or no mean, or a number is out of
            range.
    """
    order = re.search(r"\b(RGB|BGR)\b", input_words)
    span = re.search(r"\b0-(255|1)\b", input_words)
    mean = re.search(r"minus\s*" + _TRIPLE, input_words)
    deviation = re.search(r"divided by\s*" + _TRIPLE, input_words)
    whole = bool(deviation) == ("divided by" in input_words)
    try:
        if order and span and mean and whole:
            units = 255.0 / float(span[1])
            return Frame(
                side=side,
                channel_order="BGR" if order[1] == "BGR" else "RGB",
                mean=_scaled(mean, units),
                deviation=_scaled(deviation, units) if deviation else (units, units, units),
            )
    except ValidationError as fault:
        found = f"{input_words!r}, out of range: {fault.errors()[0]['loc'][0]}"
    else:
        found = repr(input_words)
    raise ModelError(
        f"{where}: the metadata 'input' is {found}; expected words such as "
        "'BGR, 0-255, minus (103.939, 116.779, 123.68), no scaling'"
    )


def check_convolutions(pretrained: Pretrained, preset: Preset, where: str) -> None:
    """Refuse convolutions that are not those of a preset, without building its weights.

    Raises:
        ModelError: a tensor is missing, too many, or of another shape.
    """
    with torch.device("meta"):
        encoder = preset.build(1).classifier.encoder
    if not isinstance(encoder, VGG):
        raise TypeError(f"preset {preset.name} has no convolutions of VGG")
    unlike = unlike_convolutions(encoder, pretrained.tensors)
    if unlike:
        raise ModelError(
            f"{where}: {unlike[0]} is the first of {len(unlike)} tensors that differ from the "
            f"convolutions of preset {preset.name}; give VGG-16's under torchvision's names, or "
            "classifier.weights=none"
        )


def _scaled(triple: re.Match[str], units: float) -> tuple[float, float, float]:
    first, second, third = (float(part) * units for part in triple.groups())
    return first, second, third


def _read_file(path: Path) -> Pretrained:
    if not path.is_file():
        raise ModelError(f"{path}: there is no such weights file (classifier.weights)")
    try:
        with safe_open(path, framework="pt") as file:
            words = (file.metadata() or {}).get("input")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError) as fault:
        raise ModelError(f"{path}: not a readable safetensors file: {fault}") from None
    if not words:
        raise ModelError(
            f"{path}: its metadata has no 'input', the preprocessing its images need; save it "
            f"again with metadata such as input = {IMAGENET_INPUT!r}"
        )
    return Pretrained(tensors, words)


def _fetch_imagenet() -> Pretrained:
    try:
        tensors = torch.hub.load_state_dict_from_url(
            IMAGENET_ADDRESS, map_location="cpu", check_hash=True, weights_only=True, progress=False
        )
    except (URLError, OSError, RuntimeError) as fault:
        reason = getattr(fault, "reason", fault)
        raise ModelError(
            f"the ImageNet weights cannot be fetched from {IMAGENET_ADDRESS}: {reason}. Go "
            f"online once, put that file into {torch.hub.get_dir()}/checkpoints, give "
            "classifier.weights=FILE, or train from scratch with preset=tiny"
        ) from None
    return Pretrained(tensors, IMAGENET_INPUT)
