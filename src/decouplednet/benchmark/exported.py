"""Whole images by programs that need no torch: the graphs of an export, and what runs them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decouplednet.benchmark.original import own_passes
from decouplednet.benchmark.subject import Subject
from decouplednet.errors import ModelError
from decouplednet.export import openvino_graphs, standalone
from decouplednet.export.card import Format
from decouplednet.export.files import check_packages, to_openvino, write_onnx
from decouplednet.export.graphs import (
    CLASS_PASS,
    ENCODER,
    FOREGROUND,
    IMAGE,
    PASSES,
    PROBABILITY,
    SCORE,
)
from decouplednet.inference.segmenter import Segmenter

Foreground = NDArray[np.float32]
Program = Callable[[Tensor], Foreground | None]
"""Computes an image for (M, L) classes as from ``passes_of``: (P, H, W) maps; None without any."""

ONNX_RUNTIME, OPENVINO = "onnxruntime", "openvino"


def programs(subject: Subject, folder: Path) -> dict[str, Program]:
    """Return what computes an image from the exported network, by the names of their packages.

    Args:
        subject: whose network is exported, in float32.
        folder: empty; what is exported lies there, and is needed for as long as the programs are.

    Returns:
        Those whose packages are installed.
    """
    return dict(_programs(subject, folder))


def _programs(subject: Subject, folder: Path) -> Iterator[tuple[str, Program]]:
    if not _installed("onnx"):
        return
    segmenter = Segmenter(
        subject.network, subject.class_list, subject.frame, subject.preset, {"others": "ignore"}
    )
    write_onnx(segmenter, folder)
    yield ONNX_RUNTIME, _program(standalone.load, folder, subject)
    if _installed("openvino"):
        to_openvino(folder)
        yield OPENVINO, _program(openvino_graphs.load, folder, subject)


def _installed(made_for: Format) -> bool:
    try:
        check_packages(made_for)
    except ModelError:
        return False
    return True


def _program(load: Callable[[Path, str], Any], folder: Path, subject: Subject) -> Program:
    encoder, class_pass = load(folder, ENCODER), load(folder, CLASS_PASS)
    image = _levels(subject)

    def compute(asked: Tensor) -> Foreground | None:
        passes, _ = own_passes(asked)
        seen: Mapping[str, NDArray[np.float32]] = encoder({IMAGE: image})
        if not len(passes):
            return None
        probability = torch.from_numpy(seen[SCORE]).sigmoid().numpy()
        trace = {name: value for name, value in seen.items() if name != SCORE}
        given = {PASSES: passes.numpy(), PROBABILITY: probability}
        maps: Foreground = class_pass(given | trace)[FOREGROUND]
        return maps

    return compute


def _levels(subject: Subject) -> NDArray[np.float32]:
    """Return the subject's image as the graphs take it: RGB, before it is normalised."""
    mean, deviation = (
        torch.tensor(of)[:, None, None] for of in (subject.frame.mean, subject.frame.deviation)
    )
    return np.asarray((subject.image * deviation + mean).numpy(), np.float32)
