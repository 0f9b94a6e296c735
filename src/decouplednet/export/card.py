"""The model card of an exported model: all that a program must know beside its two graphs."""

from importlib.metadata import version
from typing import Any, Literal

from decouplednet.errors import ModelError
from decouplednet.export.graphs import (
    CLASS_PASS,
    ENCODER,
    FOREGROUND,
    IMAGE,
    MAP_SCORE,
    PASSES,
    PROBABILITY,
    SCORE,
)
from decouplednet.inference.segmenter import Segmenter

Format = Literal["onnx", "openvino"]
CARD = "model.json"
CARD_VERSION = 2
_SHAPES = {
    "pool5": "(1, C, h, w) float32, activations of the deepest grid",
    "fc6_open": "(1, N, h', w') bool, where fc6 is above 0",
    "fc7_open": "(1, N, h', w') bool, where fc7 is above 0",
    "score_map": "(1, L, h', w') float32, the score of each class at each position",
    "share": "(1, L, h', w') float32, how much of each pooled score comes from each position",
}


def check_exportable(segmenter: Segmenter) -> None:
    """Refuse a model that predicts by more than its graphs.

    Raises:
        ModelError: it refines its maps.
    """
    refinement = segmenter.procedure.refinement
    if refinement != "none":
        raise ModelError(
            f"prediction.refinement = {refinement}: exported graphs end before maps are refined; "
            'set "refinement": "none" in the model\'s model.json to export it without'
        )


def card_of(segmenter: Segmenter, trace: tuple[str, ...], made_for: Format) -> dict[str, Any]:
    """Return what ``model.json`` of an exported model holds, as JSON values.

    Args:
        segmenter: the model.
        trace: names of what the encoder hands to the class pass.
        made_for: the format of the graphs.
    """
    procedure, classes = segmenter.procedure, segmenter.classes
    views = segmenter.predictor().views()
    count = len(classes)
    calibration = procedure.calibration
    return {
        "format_version": CARD_VERSION,
        "made_by": f"decouplednet {version('decouplednet')}",
        "format": made_for,
        "preset": segmenter.preset,
        "classes": list(classes),
        "padding": [segmenter.frame.mean[segmenter.frame.channel_order.index(c)] for c in "RGB"],
        "sides": list(dict.fromkeys(view.frame.side for view in views)),
        "mirrored": list(dict.fromkeys(view.mirrored for view in views)),
        "stride": segmenter.network.classifier.encoder.stride,
        "slope": [1.0] * count if calibration is None else list(calibration.slope),
        "offset": [0.0] * count if calibration is None else list(calibration.offset),
        "thresholds": list(procedure.thresholds or [procedure.threshold] * count),
        "veto": procedure.veto,
        "trace": list(trace),
        "tensors": _tensors(trace),
        "training": dict(segmenter.training),
    }


def _tensors(trace: tuple[str, ...]) -> dict[str, dict[str, dict[str, str]]]:
    """Return in words what goes into the graphs and comes out of them."""
    handed = {name: _SHAPES.get(name, _level(name)) for name in trace}
    return {
        ENCODER: {
            "inputs": {IMAGE: "(1, 3, H, W) float32 RGB in 0 to 255, multiples of the stride"},
            "outputs": {SCORE: "(1, L) float32, before calibration and sigmoid"} | handed,
        },
        CLASS_PASS: {
            "inputs": {
                PASSES: "(M, L) bool, the classes that each of M maps asks for",
                PROBABILITY: "(1, L) float32, of each class on the image",
            }
            | handed,
            "outputs": {
                FOREGROUND: "(M, H, W) float32, foreground of each map, in 0 to 1",
                MAP_SCORE: "(M, H, W) float32, the same before the sigmoid",
            },
        },
    }


def _level(name: str) -> str:
    kind, _, number = name.partition("_")
    if kind == "switch":
        return f"(1, C, h, w) int64, where the maxima of pooling {number} came from"
    return "(1, C, h, w) float32, activations that bring borders back"
