"""The model folder: ``model.safetensors`` and ``model.json``, which run no code when loaded.

``model.json`` holds ``format_version``, ``preset``, ``classes`` in index order from 1, ``frame``,
``backbone`` (the config of preset modern's, so that nothing is fetched to load it), ``pooling``
where it is not the maximum, ``prediction`` where it is not the paper's, ``ranges`` where those of
activations were measured, and ``training``, what is recorded of the training. It is written last
and removed first, so that a folder with it is whole.
"""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from decouplednet.annotations.files import not_written, write_atomically
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.errors import DataError, ModelError, SettingsError
from decouplednet.inference.accuracy import is_within_bounds
from decouplednet.inference.devices import choose_device, choose_precision, precision_word
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.segmenter import Segmenter
from decouplednet.inference.weights import read_weights, write_weights
from decouplednet.networks.backbone import BackboneEncoder, backbone_of
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.modern import MODERN, preset_with
from decouplednet.networks.pooling import MAX_POOLING, Pooling
from decouplednet.networks.precision import beside_bytes
from decouplednet.networks.presets import Preset, check_side
from decouplednet.networks.ranges import ranges_of, set_ranges
from decouplednet.networks.taps import halve_large_weights, has_large_weights

FORMAT_VERSION = 2
"""Of model folders and runs; it grows when what was written before may mean another network."""

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
_LARGEST_DESCRIPTION = 16 * 2**20
_LARGEST_SIDE = 4096


_Range = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Description(BaseModel):
    """The keys of ``model.json`` and the kinds of their values."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format_version: int
    preset: str
    classes: list[str]
    frame: dict[str, Any]
    backbone: dict[str, Any] | None = None
    pooling: Pooling = MAX_POOLING
    prediction: dict[str, Any] = Field(default_factory=lambda: Procedure().to_dict())
    ranges: dict[str, _Range] = Field(default_factory=dict)
    training: dict[str, Any]


def save_model(folder: Path, segmenter: Segmenter) -> None:
    """Write a model into a folder, which is made if needed; other files in it stay.

    Whatever interrupts this, the folder holds the model from before, the new one, or none.

    Args:
        folder: the ``model/`` of a run.
        segmenter: its ``training`` holds JSON values only.

    Raises:
        DataError: the disk is full, or the folder may not be written.
        ModelError: the model was loaded in half precision, and kernels of it are rounded.
    """
    halved = {torch.bfloat16, torch.float16} & {w.dtype for w in segmenter.network.parameters()}
    if halved:
        raise ModelError(
            f"{folder}: nothing is written, since kernels of this model are kept in "
            f"{precision_word(halved.pop())}; load it with precision 32 to save it"
        )
    description = _describe(segmenter)
    beside = folder / f".{secrets.token_hex(8)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(beside, segmenter.network)
        _flush(beside)
        # Without its description, the old model is gone before its weights are.
        (folder / DESCRIPTION).unlink(missing_ok=True)
        with suppress(PermissionError):  # Windows opens no folder
            _flush(folder)
        beside.replace(folder / WEIGHTS)
    except OSError as fault:
        raise DataError(f"{folder}: the model {not_written(fault)}") from None
    finally:
        with suppress(OSError):  # the folder may be none
            beside.unlink(missing_ok=True)
    write_atomically(folder / DESCRIPTION, description)


def load_model(
    path: Path | str, device: torch.device | str = "cpu", precision: str = "32"
) -> Segmenter:
    """Return the model of a folder, ready to predict; nothing of it is executed.

    Args:
        path: a run folder or its ``model/``.
        device: where the network is to compute; ``auto`` for a GPU if there is one.
        precision: ``32``, ``bf16`` or ``fp16``, in which the CPU then also keeps kernels of more
            than 16 million numbers; ``int8``: chains of convolutions in 8 bits, all else as in
            ``bf16`` where the processor multiplies that, or 32; ``auto``: bf16 where the hardware
            multiplies it natively and ``accuracy`` knows the preset's scores in it, else 32.

    Raises:
        DeviceError: the device or the precision is not on this machine.
        ModelError: there is no model, a file of it is damaged or of a newer format, its preset
            meant another network in its format, or its weights do not fit the network that it
            names; the message lists both sides. Or it knows no ranges, which int8 needs.
    """
    place = choose_device(device) if isinstance(device, str) else device
    choose_precision(precision, place)  # refused before anything is read
    folder = folder_of(Path(path))
    description = _read_description(folder / DESCRIPTION)
    try:
        classes = ClassList(tuple(description.classes))
        frame = Frame.from_dict(description.frame)
        preset = _preset(description)
        _check_frame(preset, frame)
        procedure = Procedure.from_dict(description.prediction, len(classes))
        network = _unweighted(preset, description)
        set_ranges(network, description.ranges)
    except (DataError, ModelError, SettingsError) as fault:
        raise ModelError(f"{folder / DESCRIPTION}: {fault}") from None
    read_weights(folder / WEIGHTS, network, place)
    freeze(network)
    reduced = _reduce(network, preset.name, precision, place)
    training = description.training
    segmenter = Segmenter(network, classes, frame, preset.name, training, procedure, reduced)
    try:
        _ = segmenter.others
        segmenter.predictor()
    except ModelError as fault:
        raise ModelError(f"{folder / DESCRIPTION}: {fault}") from None
    return segmenter


def _reduce(
    network: DecoupledNet, preset: str, precision: str, device: torch.device
) -> torch.dtype | None:
    """Return the precision to predict in; large kernels are kept in it where that pays."""
    reduced = choose_precision(precision, device)
    if precision == "auto" and not is_within_bounds(preset, reduced):
        return None
    halved = beside_bytes(reduced)
    if halved is not None and device.type == "cpu" and has_large_weights(network):
        halve_large_weights(network, halved)
    return reduced


def write_ranges(path: Path | str, ranges: Mapping[str, float]) -> None:
    """Write the ranges of activations into a model folder, in place of those that it had.

    Args:
        path: a run folder or its ``model/``.
        ranges: as from ``measure_ranges`` of this model.

    Raises:
        ModelError: there is no model.
        DataError: the disk is full, or the folder may not be written.
    """
    file = folder_of(Path(path)) / DESCRIPTION
    before = _read_description(file).model_dump()
    write_atomically(file, _content(_Description(**(before | {"ranges": dict(ranges)}))))


def means_another_network(version: int, preset: str) -> bool:
    """Return whether a preset meant a network of another function in an earlier format.

    Those whose bridge sees class evidence: classes weighed their probability in f_cls, and absent
    ones were rivals. The head and the grid of ``skip`` were others, too.

    Args:
        version: of the format.
        preset: its name.
    """
    return version < 2 and preset in ("skip", "tiny-skip", MODERN)


def _preset(description: _Description) -> Preset:
    config = description.backbone
    return preset_with(description.preset, None if config is None else backbone_of(config))


def _unweighted(preset: Preset, description: _Description) -> DecoupledNet:
    """Return the network that a description names, without memory where the file fills all of it.

    Transformers computes some tensors of a backbone when it is built, which no file holds.
    """
    in_full = description.backbone is not None
    with torch.random.fork_rng(devices=[]), torch.device("cpu" if in_full else "meta"):
        return preset.build(len(description.classes), pooling=description.pooling)


def _check_frame(preset: Preset, frame: Frame) -> None:
    check_side(preset, frame.side, frame.side)
    if frame.side > _LARGEST_SIDE:
        raise ModelError(f"frame.side: {frame.side} pixels; at most {_LARGEST_SIDE}")


def _describe(segmenter: Segmenter) -> bytes:
    encoder = segmenter.network.classifier.encoder
    made_from = encoder.made_from.config if isinstance(encoder, BackboneEncoder) else None
    return _content(
        _Description(
            format_version=FORMAT_VERSION,
            preset=segmenter.preset,
            classes=list(segmenter.classes),
            frame=segmenter.frame.to_dict(),
            backbone=None if made_from is None else dict(made_from),
            pooling=segmenter.network.classifier.head.pooling,
            prediction=segmenter.procedure.to_dict(),
            ranges=ranges_of(segmenter.network),
            training=dict(segmenter.training),
        )
    )


def _content(description: _Description) -> bytes:
    """Return a description as it is written: without what is as it mostly is."""
    plain = {
        "backbone": None,
        "pooling": MAX_POOLING,
        "prediction": Procedure().to_dict(),
        "ranges": {},
    }
    left_out = {key for key, value in plain.items() if getattr(description, key) == value}
    content = description.model_dump(exclude=left_out)
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def folder_of(path: Path) -> Path:
    """Return the folder that holds a model's files.

    Args:
        path: a run folder or its ``model/``.

    Raises:
        ModelError: there is no model.
    """
    for folder in (path, path / "model"):
        if (folder / DESCRIPTION).is_file():
            if not (folder / WEIGHTS).is_file():
                raise ModelError(f"{folder / WEIGHTS}: missing, though {DESCRIPTION} is there")
            return folder
    if not path.exists():
        raise ModelError(f"{path}: there is no such model")
    raise ModelError(
        f"{path}: holds no model; expected {DESCRIPTION} and {WEIGHTS} in it or in its model/, "
        "which a run has once its training has ended"
    )


def _read_description(file: Path) -> _Description:
    try:
        if file.stat().st_size > _LARGEST_DESCRIPTION:
            raise ModelError(f"{file}: larger than {_LARGEST_DESCRIPTION} bytes; no model.json is")
        content = json.loads(file.read_text(encoding="utf-8"))
        # Half of a surrogate pair is legal in JSON and could never be printed.
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as fault:
        raise ModelError(f"{file}: not a JSON file: {fault}") from None
    except OSError as fault:
        raise ModelError(f"{file}: cannot be read: {fault.strerror}") from None
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ModelError(f"{file}: expected a JSON object of format_version, ...; found a {kind}")
    _check_version(content.get("format_version"), file)
    _check_former(content, file)
    try:
        return _Description.model_validate(content)
    except ValidationError as faults:
        first = faults.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{file}: {where}: {first['msg']}") from None


def _check_version(version: object, file: Path) -> None:
    if type(version) is not int or version < 1:
        raise ModelError(f"{file}: format_version {version!r}: expected {FORMAT_VERSION}")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"{file}: format_version {version} is newer than {FORMAT_VERSION}, the newest that "
            "this decouplednet reads; upgrade it"
        )


def _check_former(content: dict[str, Any], file: Path) -> None:
    """Refuse a model of an earlier format that would be another function now."""
    pooling, version = content.get("pooling"), content["format_version"]
    pooled = pooling if isinstance(pooling, dict) else {}
    if version < 2 and "count" in pooled:
        raise ModelError(
            f"{file}: format_version {version} pools the {pooled['count']} highest scores, which "
            "no network does any more; train it again"
        )
    preset = str(content.get("preset"))
    if means_another_network(version, preset):
        raise ModelError(
            f"{file}: in format_version {version}, preset {preset} was a network of another "
            "function under the same names; train it again"
        )
