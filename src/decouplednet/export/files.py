"""Writing the graphs: ONNX by torch's exporter, and OpenVINO's files from those."""

import ast
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from decouplednet.errors import ModelError
from decouplednet.export import openvino_graphs, standalone
from decouplednet.export.card import Format
from decouplednet.export.graphs import (
    CLASS_PASS,
    ENCODER,
    FOREGROUND,
    IMAGE,
    MAP_SCORE,
    PASSES,
    PROBABILITY,
    SCORE,
    ClassPassGraph,
    EncoderGraph,
    trace_names,
)
from decouplednet.inference.segmenter import Segmenter

TRACED_MAPS = 3
"""Maps of the traced class pass; one alone would make the graph a graph for one."""

_NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("openvino",)}


def check_packages(made_for: Format) -> None:
    """Refuse a format whose packages are not installed.

    Args:
        made_for: the format; OpenVINO's files are made from ONNX's, and so need both.

    Raises:
        ModelError: a package is missing.
    """
    formats: Sequence[Format] = ("onnx",) if made_for == "onnx" else ("onnx", "openvino")
    for kind in formats:
        for name in _NEEDED[kind]:
            try:
                import_module(name)
            except ImportError:
                extra = "export" if kind == "onnx" else "openvino"
                raise ModelError(
                    f"--to {made_for} needs the package {name}, which is not installed; install it "
                    f"with python -m pip install 'decouplednet[{extra}]'"
                ) from None


def versions(made_for: Format) -> str:
    """Return the versions that the files of a format depend on, as people read them.

    Args:
        made_for: the format, whose packages are installed.
    """
    names = ("decouplednet", "torch", _NEEDED[made_for][-1])  # the last one runs the files
    return ", ".join(f"{name} {import_module(name).__version__}" for name in names)


def traced_size(segmenter: Segmenter) -> tuple[int, int]:
    """Return the (H, W) that the graphs are traced at, no square, as those of views are."""
    classifier = segmenter.network.classifier
    stride, reach = classifier.encoder.stride, classifier.head.reach
    return stride * (reach + 2), stride * (reach + 3)


def write_onnx(segmenter: Segmenter, folder: Path) -> tuple[str, ...]:
    """Write ``encoder.onnx`` and ``class_pass.onnx``, and return the names of what passes between.

    Both take images of any size that the network takes, and any number of maps.

    Args:
        segmenter: the model, on the CPU.
        folder: that exists.

    Raises:
        ModelError: torch cannot export the network.
    """
    network = segmenter.network
    encoder = EncoderGraph(network, segmenter.frame).eval()
    stride, least = network.classifier.encoder.stride, network.classifier.head.reach
    sides = {2 + axis: stride * Dim(name, min=least, max=4096) for axis, name in enumerate("hw")}
    rng = torch.Generator().manual_seed(0)
    image = 255 * torch.rand(1, 3, *traced_size(segmenter), generator=rng)
    with torch.no_grad():
        _, *trace = encoder(image)
        names = trace_names(network.see(image))
    _export(encoder, (image,), (sides,), folder / f"{ENCODER}.onnx", (IMAGE,), (SCORE, *names))
    asked = torch.ones(TRACED_MAPS, len(segmenter.classes), dtype=torch.bool)
    grid = {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    _export(
        ClassPassGraph(network, names, segmenter.procedure).eval(),
        (asked, asked[:1].float(), *trace),
        ({0: Dim.DYNAMIC}, {}, tuple(grid for _ in trace)),
        folder / f"{CLASS_PASS}.onnx",
        (PASSES, PROBABILITY, *names),
        (FOREGROUND, MAP_SCORE),
    )
    return names


def _export(
    graph: nn.Module,
    example: tuple[Tensor, ...],
    dynamic: tuple[object, ...],
    file: Path,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
) -> None:
    with _quiet():
        try:
            program = torch.onnx.export(
                graph,
                example,
                dynamo=True,
                dynamic_shapes=dynamic,
                input_names=inputs,
                output_names=outputs,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as fault:
            cause = " ".join(str(fault.__cause__ or fault).split())[:200]
            raise ModelError(
                f"torch {torch.__version__} cannot export the {file.stem}: {cause}; another "
                "version of torch may"
            ) from None
        if program is None:
            raise ModelError(f"torch {torch.__version__} exported no {file.stem}")
        program.save(file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the exporter says of its own work."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def to_openvino(folder: Path) -> None:
    """Replace the ONNX files of a folder by OpenVINO's: an XML file and its weights, in float32.

    Args:
        folder: with the files of ``write_onnx``.
    """
    import openvino

    for name in (ENCODER, CLASS_PASS):
        file = folder / f"{name}.onnx"
        model = openvino.convert_model(file)
        openvino.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)
        file.unlink()


def script_for(made_for: Format) -> str:
    """Return the script that predicts with the files of a format.

    Args:
        made_for: the format.
    """
    script = Path(standalone.__file__).read_text(encoding="utf-8")
    if made_for == "onnx":
        return script
    theirs = Path(openvino_graphs.__file__).read_text(encoding="utf-8")
    loads = script.replace(_function_in(script, "load"), _function_in(theirs, "load"))
    return loads.replace("Pillow and onnxruntime", "Pillow and openvino")


def _function_in(source: str, name: str) -> str:
    tree = ast.parse(source)
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return ast.get_source_segment(source, next(found)) or ""
