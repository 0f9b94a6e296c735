"""Models of preset modern: what is written, and what is refused when they are loaded."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from decouplednet.classes import ClassList
from decouplednet.errors import ModelError
from decouplednet.inference.activation_ranges import measure_ranges
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.backbone import BackboneEncoder
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.modern import modern
from decouplednet.networks.ranges import set_ranges
from tests.inference.small import small_frame
from tests.machine import needs_bytes
from tests.networks.backbones import FAMILIES, small_backbone

NAMES = ("cat", "cow", "dog")
IMAGE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)


def modern_segmenter(family: str, side: int | None = None) -> Segmenter:
    backbone = small_backbone(family)
    torch.manual_seed(2)
    network = modern(len(NAMES), backbone=backbone)
    nn.init.normal_(network.classifier.head.score.weight)
    nn.init.normal_(network.state_dict(keep_vars=True)["decoder.score.weight"])
    # As a loaded network lies in memory, so that sums are rounded alike.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
    freeze(network)
    frame = small_frame(side or 3 * backbone.stride)
    return Segmenter(network, ClassList(NAMES), frame, "modern", {"others": "ignore"})


def described(folder: Path, **changes: Any) -> Path:
    """Change what a model folder says of itself."""
    file = folder / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", modern_segmenter("dinov2"))
    return tmp_path / "model"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_loaded_model_predicts_what_the_saved_one_does(family: str, tmp_path: Path) -> None:
    segmenter = modern_segmenter(family)
    save_model(tmp_path, segmenter)
    random = torch.get_rng_state()

    loaded = load_model(tmp_path)

    assert torch.equal(torch.get_rng_state(), random)
    assert isinstance(loaded.network.classifier.encoder, BackboneEncoder)
    assert loaded.network.classifier.encoder.made_from == small_backbone(family)
    assert not any(part.training for part in loaded.network.modules())
    one, other = segmenter.predict(IMAGE, {"cat", "dog"}), loaded.predict(IMAGE, {"cat", "dog"})
    assert one.scores == pytest.approx(other.scores, abs=1e-6)
    for name in ("cat", "dog"):
        np.testing.assert_allclose(one.class_maps[name], other.class_maps[name], atol=1e-6)
    assert len(np.unique(one.class_maps["cat"])) > 10


@needs_bytes
def test_in_8_bits_levels_of_the_decoder_are_in_bytes(tmp_path: Path) -> None:
    segmenter = modern_segmenter("dinov2")
    ranges = measure_ranges(segmenter, [IMAGE])
    set_ranges(segmenter.network, ranges)
    save_model(tmp_path, segmenter)

    assert any(name.startswith("decoder.entries.") for name in ranges)
    maps = {
        precision: load_model(tmp_path, precision=precision)
        .predict(IMAGE, {"cat"})
        .class_maps["cat"]
        for precision in ("32", "bf16", "int8")
    }
    assert float(np.abs(maps["int8"] - maps["32"]).mean()) < 0.05
    assert not np.array_equal(maps["int8"], maps["bf16"])


def test_the_description_holds_the_config_and_no_path(saved: Path) -> None:
    description = json.loads((saved / "model.json").read_text())

    assert list(description) == [
        *("format_version", "preset", "classes", "frame", "backbone", "training"),
    ]
    config = description["backbone"]
    assert (config["model_type"], config["num_hidden_layers"]) == ("dinov2", 5)
    assert not any(key.startswith("_") or "attn" in key for key in config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": None}, "a backbone goes with preset 'modern', and only with it; none is"),
        ({"preset": "tiny"}, "and only with it; the preset is 'tiny'"),
        ({"backbone": {"model_type": "dinov9"}}, "model_type 'dinov9' is no backbone of"),
        ({"backbone": []}, "backbone: Input should be a valid dictionary"),
        (
            {"backbone": {"model_type": "dinov2", "patch_size": 0}},
            "backbone dinov2: transformers cannot use its config: ",
        ),
        (
            {"frame": {**small_frame(96).to_dict()}},
            "preset modern: height 96 must be a multiple of 14 and at least 42; the nearest is 98",
        ),
    ],
)
def test_a_damaged_description_is_refused(
    changes: dict[str, Any], message: str, saved: Path
) -> None:
    described(saved, **changes)

    with pytest.raises(ModelError, match=rf"model\.json: .*{re.escape(message)}"):
        load_model(saved)


def test_weights_of_another_backbone_are_refused_with_both_sides(saved: Path) -> None:
    config = json.loads((saved / "model.json").read_text())["backbone"]
    described(saved, backbone={**config, "mlp_ratio": 3})

    with pytest.raises(
        ModelError,
        match=r"does not fit the network of model\.json in \d+ tensors: expected .*; found ",
    ):
        load_model(saved)


def test_without_transformers_loading_says_how_to_install_it(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)

    with pytest.raises(ModelError, match=r"model\.json: preset modern needs the package transf"):
        load_model(saved)
