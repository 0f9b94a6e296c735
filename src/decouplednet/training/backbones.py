"""Backbones of transformers as files: found in a folder, or fetched from the hub."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from decouplednet.dataset.frame import Frame, torchvision_frame
from decouplednet.errors import ModelError
from decouplednet.networks.backbone import (
    Backbone,
    backbone_of,
    build_module,
    first_line,
    transformers_library,
)

HUB = "https://huggingface.co"
CONFIG = "config.json"
PREPARATION = "preprocessor_config.json"
_DESCRIPTIONS = (CONFIG, PREPARATION)
_WEIGHTS = ("model*.safetensors", "model*.safetensors.index.json")
# Normalisations that transformers puts after the levels of some backbones. Weights that come from
# the training of another task do not hold them; they start at scale 1 and shift 0.
_ADDED = "hidden_states_norms"
_LOGGERS = ("huggingface_hub", "transformers")


@dataclass(frozen=True, slots=True)
class FoundBackbone:
    """A backbone, where it comes from, and how images are prepared for it.

    Args:
        source: the folder or the name on the hub.
        backbone: what it is built from.
        preparation: the frame of its images, of whatever side.
    """

    source: str
    backbone: Backbone
    preparation: Frame

    def frame(self, side: int) -> Frame:
        """Return the frame that prepares images as the backbone asks, ``side`` pixels wide."""
        return self.preparation.model_copy(update={"side": side})


def read_backbone(source: str) -> FoundBackbone:
    """Return the backbone of a folder or of the hub, without its weights.

    Args:
        source: a folder with ``config.json``, or a name on the Hugging Face hub. Mean and deviation
            of its images are those of ``preprocessor_config.json``, or else ImageNet's.

    Raises:
        ModelError: transformers is not installed, there is no such folder, the hub cannot be
            reached or does not have it, or a file of it cannot be used.
    """
    transformers_library()
    folder = _folder(source, _DESCRIPTIONS)
    config = _read_json(folder / CONFIG)
    if config is None:
        raise ModelError(f"{source}: holds no {CONFIG}, which says what the backbone is")
    try:
        backbone = backbone_of(config)
    except ModelError as fault:
        raise ModelError(f"{source}: {fault}") from None
    values = _read_json(folder / PREPARATION)
    usual = torchvision_frame(backbone.stride)
    preparation = usual if values is None else _preparation(values, usual, folder / PREPARATION)
    return FoundBackbone(source, backbone, preparation)


def read_backbone_weights(found: FoundBackbone) -> Mapping[str, Tensor]:
    """Return the weights that come with a backbone, float32, by the names of transformers.

    Args:
        found: as from ``read_backbone``.

    Raises:
        ModelError: there are none in safetensors, or they are those of another backbone.
    """
    folder = _folder(found.source, _WEIGHTS)
    remedy = "give a folder with its model.safetensors, or train from scratch with "
    remedy += "classifier.weights=none"
    with torch.device("meta"):
        module, _ = build_module(found.backbone.config)
    kind: Any = type(module)
    try:
        with _quiet():
            loaded, told = kind.from_pretrained(
                folder,
                config=module.config,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
    except Exception as fault:  # whatever transformers says of a file
        raise ModelError(
            f"{found.source}: its weights cannot be read: {first_line(fault)}; {remedy}"
        ) from None
    missing = sorted(key for key in told["missing_keys"] if _ADDED not in key)
    if missing or told["mismatched_keys"]:
        first = missing[0] if missing else "a shape"
        raise ModelError(
            f"{found.source}: its weights are not those of its config: {first} is the first of "
            f"{len(missing) + len(told['mismatched_keys'])} tensors that differ; {remedy}"
        )
    state: dict[str, Tensor] = loaded.float().state_dict()
    return state


def _folder(source: str, patterns: tuple[str, ...]) -> Path:
    """Return where the files of a backbone lie, fetched if they are on the hub."""
    folder = Path(source)
    if folder.is_dir():
        return folder
    if folder.exists() or source.startswith((".", "/", "~")) or "\\" in source:
        raise ModelError(f"{source}: there is no such folder (backbone)")
    from huggingface_hub import snapshot_download

    try:
        with _quiet():
            return Path(snapshot_download(source, allow_patterns=list(patterns)))
    except Exception as fault:  # whatever the hub, the network or the disk say
        raise ModelError(
            f"backbone {source}: no folder here, and it cannot be fetched from {HUB}: "
            f"{first_line(fault).rstrip('.')}. Look whether the name is right, go online once, or "
            f"give a folder with its {CONFIG}"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the libraries print and log beside their work to themselves."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    bars = transformers_library().utils.logging
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    shown = bars.is_progress_bar_enabled(), not are_progress_bars_disabled()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    bars.disable_progress_bar()
    disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if shown[0]:
            bars.enable_progress_bar()
        if shown[1]:
            enable_progress_bars()


def _read_json(file: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds; None where there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as fault:
        raise ModelError(f"{file}: not a readable JSON file: {fault}") from None
    if not isinstance(content, dict):
        raise ModelError(f"{file}: expected a JSON object; found a {type(content).__name__}")
    return content


def _preparation(values: Mapping[str, Any], usual: Frame, file: Path) -> Frame:
    """Return the frame that an image processor's file describes, in levels of 0 to 255."""
    factor = values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) else 1.0
    if not isinstance(factor, int | float) or not factor > 0:
        raise ModelError(f"{file}: rescale_factor = {factor}: expected a number above 0")
    units = 1 / factor
    mean, deviation = values.get("image_mean"), values.get("image_std")
    if not values.get("do_normalize", True):
        mean, deviation = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if mean is None or deviation is None:
        return usual
    try:
        return Frame(
            side=usual.side,
            channel_order="RGB",
            mean=tuple(units * level for level in mean),
            deviation=tuple(units * level for level in deviation),
        )
    except (ValidationError, TypeError):
        raise ModelError(
            f"{file}: image_mean = {mean}, image_std = {deviation}: expected three numbers each, "
            "those of image_std above 0"
        ) from None
