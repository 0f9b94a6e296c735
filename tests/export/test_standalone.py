import ast
import io
import sys
import tokenize
from pathlib import Path

import numpy as np
import pytest
import torch

from decouplednet.export import standalone
from decouplednet.export.files import script_for
from decouplednet.export.standalone import Model, between, placed
from tests.export.small import picture
from tests.inference.small import small_frame

MOST_LINES = 60
SOURCE = Path(standalone.__file__).read_text(encoding="utf-8")


def lines_of_code(source: str) -> int:
    """Return how many lines hold code: no comments, docstrings or empty lines."""
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {token.start[0] for token in tokens if token.type not in skipped and token.string}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            code -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(code)


def test_the_script_is_short_and_needs_nothing_of_this_package() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported - set(sys.stdlib_module_names) == {"numpy", "PIL", "onnxruntime"}
    assert lines_of_code('"""Text."""\n\nx = 1  # one\n\n# nothing\n') == 1
    assert lines_of_code(SOURCE) <= MOST_LINES


def test_the_script_of_openvino_loads_its_graphs() -> None:
    script = script_for("openvino")

    assert script_for("onnx") == SOURCE
    assert "import openvino" in script
    assert "onnxruntime" not in script
    assert lines_of_code(script) <= MOST_LINES + 1
    compile(script, "predict.py", "exec")


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("shape", [(50, 71), (91, 33), (64, 64)])
def test_an_image_comes_into_the_frame_as_in_the_package(
    shape: tuple[int, int], mirrored: bool
) -> None:
    model, frame = Model.__new__(Model), small_frame(64)
    model.card = {"padding": [frame.mean[frame.channel_order.index(c)] for c in "RGB"]}
    image = picture(*shape)

    if mirrored:
        image = image[:, ::-1]

    got = model.frame(image, 64)

    expected = frame.image(np.ascontiguousarray(image))
    order = ["RGB".index(letter) for letter in frame.channel_order]
    mean, deviation = np.array(frame.mean), np.array(frame.deviation)
    normed = (got[0, order] - mean[:, None, None]) / deviation[:, None, None]
    np.testing.assert_allclose(normed, expected.numpy(), rtol=0, atol=1e-6)
    assert got.dtype == np.float32
    assert placed(image, 64) == frame.place(shape).placed


@pytest.mark.parametrize("size", [(31, 17), (5, 6), (1, 40)])
def test_maps_are_resized_as_by_torch(size: tuple[int, int]) -> None:
    maps = torch.rand(3, 9, 12, generator=torch.Generator().manual_seed(6))

    expected = torch.nn.functional.interpolate(maps[None], size, mode="bilinear")[0]

    got = between(9, size[0]).T @ maps.numpy() @ between(12, size[1])
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-6)
