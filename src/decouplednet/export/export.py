"""Exporting a model: graphs, card and script, written together once they agree with the model."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from decouplednet.annotations.files import not_written
from decouplednet.errors import DataError, UsageError
from decouplednet.export.agreement import Agreement, agreement_of, check_agreement
from decouplednet.export.card import CARD, Format, card_of, check_exportable
from decouplednet.export.files import check_packages, script_for, to_openvino, write_onnx
from decouplednet.inference.model_folder import load_model

SCRIPT = "predict.py"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        sizes: of each file, in bytes, by its name.
        agreement: with the model.
    """

    sizes: dict[str, int]
    agreement: Agreement


def export_model(model: Path | str, out: Path | str, *, to: Format) -> Exported:
    """Write a model for programs without this package, and compare it with the model.

    Args:
        model: a run folder or its ``model/``.
        out: a folder, new or empty.
        to: ``onnx`` or ``openvino``.

    Raises:
        DataError: ``out`` holds something, or cannot be written.
        UsageError: there is no such format.
        ModelError: there is no model, a package is missing, the model refines its maps, the network
            cannot be exported, or what was exported differs from the model; nothing is left of it.
    """
    if to not in get_args(Format):
        raise UsageError(f"--to {to}: expected {' or '.join(get_args(Format))}")
    out = Path(out)
    check_packages(to)
    _check_empty(out)
    segmenter = load_model(model)
    check_exportable(segmenter)
    with _beside(out) as folder:
        trace = write_onnx(segmenter, folder)
        if to == "openvino":
            to_openvino(folder)
        card = json.dumps(card_of(segmenter, trace, to), indent=2, ensure_ascii=False)
        (folder / CARD).write_text(card + "\n", encoding="utf-8")
        (folder / SCRIPT).write_text(script_for(to), encoding="utf-8")
        agreement = agreement_of(segmenter, folder, trace)
        check_agreement(agreement, out, to)
        sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    return Exported(sizes, agreement)


def _check_empty(out: Path) -> None:
    try:
        used = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as fault:
        raise DataError(f"{out}: cannot be read: {fault.strerror}") from None
    if used:
        raise DataError(f"{out}: holds something already; choose a folder that is new or empty")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Give a folder whose files come to lie in ``out`` if nothing goes wrong; it goes anyway."""
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".export.", dir=out))
    except OSError as fault:
        raise DataError(f"{out}: {not_written(fault)}") from None
    try:
        yield folder
        _move(folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if is_new:
            with suppress(OSError):  # it holds what was exported
                out.rmdir()


def _move(folder: Path, out: Path) -> None:
    """Move all files, the card last: a folder with it is whole."""
    try:
        for file in sorted(folder.iterdir(), key=lambda file: file.name == CARD):
            file.replace(out / file.name)
    except OSError as fault:
        raise DataError(f"{out}: {not_written(fault)}") from None
