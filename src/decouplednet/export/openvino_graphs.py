"""How the exported script loads the graphs where they are OpenVINO's."""

from pathlib import Path
from typing import Any


def load(folder: Path, name: str, cores: list[Any] = []) -> Any:  # noqa: B006  # kept
    """Return a graph of a folder: a function from arrays by name to arrays by name.

    All graphs share one core, which stays: each core gives the thread a stack for signals and puts
    the one before back when it ends; of two, that may be one that is gone.
    """
    import openvino

    cores[:] = cores or [openvino.Core()]
    exactly = {"INFERENCE_PRECISION_HINT": "f32"}  # without it some processors round to bfloat16
    compiled = cores[0].compile_model(folder / f"{name}.xml", "CPU", exactly)
    return lambda given: {output.any_name: value for output, value in compiled(given).items()}
