"""Masks drawn as shapes, for the tests."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.annotations.mask_kinds import shapes
from decouplednet.classes import ClassList

SIZE = (37, 53)
CLASSES = ClassList(("cat", "dog"))
IMAGE = Path("images/a.jpg")


def content(*parts: dict[str, Any], rest: int = 0, **more: Any) -> Content:
    """Return shapes on a picture of `SIZE`."""
    details = {"size": list(SIZE), "rest": rest, "parts": parts, **more}
    return Content(Kind.SHAPES, Path("x.json"), json.dumps(details))


def drawn(*parts: dict[str, Any], rest: int = 0, **more: Any) -> NDArray[np.uint8]:
    """Return the mask of shapes."""
    mask = shapes.read(content(*parts, rest=rest, **more), IMAGE, CLASSES)
    assert mask.dtype == np.uint8
    return mask


def cat(**shape: Any) -> dict[str, Any]:
    """Return a shape of a cat."""
    return {"class": "cat", **shape}


def png_text(pixels: NDArray[Any], mode: str | None = None) -> str:
    """Return the base64 text of a PNG."""
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
