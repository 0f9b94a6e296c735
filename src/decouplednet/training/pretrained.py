"""Convolutions that someone trained before: their tensors, and the preprocessing they expect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from decouplednet.dataset.frame import Frame
from decouplednet.errors import ModelError

# The VGG-16 that torchvision publishes. The last part of the name is the start of its SHA-256,
# which torch.hub checks after the download.
IMAGENET_ADDRESS = "https://download.pytorch.org/models/vgg16-397923af.pth"
IMAGENET_INPUT = "RGB, 0-1, minus (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225)"
_TRIPLE = r"\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*\)"


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Convolutions and how images must be prepared for them.

    Args:
        tensors: by torchvision's key names, such as ``features.0.weight``.
        input: the preprocessing in words, as ``frame_for`` reads it.
    """

    tensors: Mapping[str, Tensor]
    input: str


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
        ModelError: the words say no channel order, no range or no mean.
    """
    order = re.search(r"\b(RGB|BGR)\b", input_words)
    span = re.search(r"\b0-(255|1)\b", input_words)
    mean = re.search(r"minus\s*" + _TRIPLE, input_words)
    if not (order and span and mean):
        raise ModelError(
            f"{where}: the metadata 'input' is {input_words!r}; expected words such as "
            "'BGR, 0-255, minus (103.939, 116.779, 123.68), no scaling'"
        )
    deviation = re.search(r"divided by\s*" + _TRIPLE, input_words)
    units = 255.0 / float(span[1])
    return Frame(
        side=side,
        channel_order="BGR" if order[1] == "BGR" else "RGB",
        mean=_scaled(mean, units),
        deviation=_scaled(deviation, units) if deviation else (units, units, units),
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
