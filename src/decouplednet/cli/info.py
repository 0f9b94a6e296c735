"""The command that says what a model is."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from decouplednet.cli.options import ModelFolder

if TYPE_CHECKING:
    from decouplednet.inference.segmenter import Segmenter


def info(model: ModelFolder) -> None:
    """Say what MODEL is: its classes, its frame, its sizes and its training."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from decouplednet.inference.model_folder import load_model

    table = Table(title=Text(str(model)), show_header=False)
    for name, text in _rows(load_model(model)):
        table.add_row(Text(name), Text(text))
    Console().print(table)


def _rows(segmenter: "Segmenter") -> Iterator[tuple[str, str]]:
    frame = segmenter.frame
    yield "preset", segmenter.preset
    yield (
        "classes",
        ", ".join(
            f"{index} {name}" for index, name in enumerate(("background", *segmenter.classes))
        ),
    )
    yield "parameters", f"{sum(weight.numel() for weight in segmenter.network.parameters()):,}"
    yield "pooling of scores", str(segmenter.network.classifier.head.pooling)
    yield "frame", f"{frame.side} x {frame.side} pixels"
    yield (
        "channels",
        (
            f"{frame.channel_order}, mean {_numbers(frame.mean)}, "
            f"deviation {_numbers(frame.deviation)}"
        ),
    )
    yield "other classes", "left out (255)" if segmenter.others == "ignore" else "background"
    yield "prediction", segmenter.procedure.in_words(segmenter.classes)
    for name, value in segmenter.training.items():
        if name != "others":
            yield f"training: {name}", _text(value)


def _text(value: object) -> str:
    """Return a JSON value in words, parts of it joined by commas."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _numbers(values: tuple[float, float, float]) -> str:
    return " / ".join(f"{value:g}" for value in values)
