"""Every preset is exported to both formats, and its script predicts what the model does."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openvino
import pytest

import decouplednet
from decouplednet.export.card import Format
from decouplednet.export.export import Exported, export_model
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.pooling import MAX_POOLING, LogSumExpPooling, Pooling, TopKPooling
from tests.export.small import (
    NAMES,
    PLAIN,
    RICH,
    picture,
    untrained,
    untrained_modern,
    write_model,
    written_by_the_script,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # vgg16 on a busy machine
TAGS = ("cow", "dog")
BACKBONES = ("dinov2", "resnet")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that is emptied at once: vgg16's files take 3 GB."""
    yield tmp_path
    for made in ("model", "out"):
        shutil.rmtree(tmp_path / made, ignore_errors=True)


def model_of(preset: str, procedure: Procedure, pooling: Pooling) -> Segmenter:
    if preset in BACKBONES:
        return untrained_modern(preset, procedure, pooling)
    return untrained(preset, procedure, pooling, side=224 if preset == "vgg16" else 96)


@pytest.mark.parametrize(
    ("preset", "pooling", "procedure", "to"),
    [
        ("tiny-skip", TopKPooling(top_share=0.3), RICH, "openvino"),
        ("tiny", LogSumExpPooling(sharpness=3.0), PLAIN, "openvino"),
        ("skip", TopKPooling(top_share=0.25), RICH, "onnx"),
        ("skip", TopKPooling(top_share=0.25), PLAIN, "openvino"),
        ("fast", TopKPooling(top_share=0.25), RICH, "onnx"),
        ("fast", TopKPooling(top_share=0.25), PLAIN, "openvino"),
        ("light", TopKPooling(top_share=1.0), PLAIN, "onnx"),
        ("light", MAX_POOLING, PLAIN, "openvino"),
        ("vgg16", MAX_POOLING, PLAIN, "onnx"),
        ("vgg16", MAX_POOLING, PLAIN, "openvino"),
        ("dinov2", TopKPooling(top_share=0.25), RICH, "onnx"),
        ("resnet", TopKPooling(top_share=0.25), PLAIN, "openvino"),
    ],
)
def test_presets_and_poolings_are_exported_to_both(
    folder: Path, preset: str, pooling: Pooling, procedure: Procedure, to: Format
) -> None:
    segmenter, image = model_of(preset, procedure, pooling), picture(77, 120)
    expected = segmenter.predict(image, TAGS).label_map
    write_model(folder / "model", segmenter)
    del segmenter  # vgg16 alone takes 1.2 GB

    done: Exported = decouplednet.export_model(folder / "model", folder / "out", to=to)

    assert done.agreement.is_close
    assert done.agreement.classes == len(NAMES)
    card = json.loads((folder / "out/model.json").read_text())
    assert (card["format"], card["preset"]) == (to, "modern" if preset in BACKBONES else preset)
    assert len(set(expected.flat)) > 1
    assert (
        written_by_the_script(folder / "out", image, ",".join(TAGS)) == expected
    ).mean() >= 0.999
    if to == "openvino":
        files = sorted(file.name for file in (folder / "out").glob("*.xml"))
        assert files == ["class_pass.xml", "encoder.xml"]
        assert openvino.Core().read_model(folder / "out/encoder.xml").input("image")


def test_signals_arrive_after_models_of_openvino_are_gone(tmp_path: Path) -> None:
    """A process lives on that lost its models in the order in which it made them."""
    model = write_model(tmp_path / "model", untrained("tiny"))
    export_model(model, tmp_path / "out", to="openvino")
    lines = (
        "import os, pathlib, signal, sys",
        "sys.path.insert(0, sys.argv[1])",
        "from predict import Model",
        "first, second = (Model(pathlib.Path(sys.argv[1])) for _ in range(2))",
        "del first",
        "del second",
        "signal.signal(signal.SIGCHLD, lambda *_: print('arrived'))",
        "os.kill(os.getpid(), signal.SIGCHLD)",
    )
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "out")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "arrived\n")
