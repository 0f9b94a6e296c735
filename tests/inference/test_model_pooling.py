"""The pooling of scores is part of a model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from decouplednet.classes import ClassList
from decouplednet.errors import ModelError
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.pooling import (
    MAX_POOLING,
    LogSumExpPooling,
    Pooling,
    TopKPooling,
)
from decouplednet.networks.presets import tiny
from tests.inference.small import NAMES, small_frame

IMAGE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)


def segmenter(pooling: Pooling) -> Segmenter:
    torch.manual_seed(0)
    network = tiny(len(NAMES), pooling=pooling)
    torch.nn.init.normal_(network.classifier.head.score.weight)
    freeze(network)
    return Segmenter(network, ClassList(NAMES), small_frame(96), "tiny", {})


@pytest.mark.parametrize(
    ("pooling", "recorded"),
    [
        (LogSumExpPooling(sharpness=2.5), {"name": "log-sum-exp", "sharpness": 2.5}),
        (TopKPooling(top_share=0.5), {"name": "top-k", "top_share": 0.5}),
    ],
)
def test_another_pooling_than_the_maximum_is_recorded_and_restored(
    pooling: Pooling, recorded: dict[str, object], tmp_path: Path
) -> None:
    saved = segmenter(pooling)
    save_model(tmp_path, saved)

    loaded = load_model(tmp_path)

    assert json.loads((tmp_path / "model.json").read_text())["pooling"] == recorded
    assert loaded.network.classifier.head.pooling == pooling
    scores = saved.predict(IMAGE).scores
    assert loaded.predict(IMAGE).scores == scores
    assert segmenter(MAX_POOLING).predict(IMAGE).scores != scores


def test_a_model_that_says_nothing_of_it_pools_the_maximum(tmp_path: Path) -> None:
    save_model(tmp_path, segmenter(MAX_POOLING))

    assert "pooling" not in json.loads((tmp_path / "model.json").read_text())
    assert load_model(tmp_path).network.classifier.head.pooling == MAX_POOLING


@pytest.mark.parametrize(
    ("recorded", "message"),
    [
        ({"name": "mean"}, "pooling: Input tag 'mean' found using 'name' does not match any of"),
        (
            {"name": "top-k", "top_share": 0},
            r"pooling\.top-k\.top_share: Input should be greater than 0",
        ),
        ({"name": "log-sum-exp"}, r"pooling\.log-sum-exp\.sharpness: Field required"),
        ("max", "pooling: Input should be a valid dictionary"),
    ],
)
def test_a_pooling_that_there_is_not_is_refused(
    recorded: object, message: str, tmp_path: Path
) -> None:
    save_model(tmp_path, segmenter(MAX_POOLING))
    file = tmp_path / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pooling": recorded}))

    with pytest.raises(ModelError, match=rf"model\.json: {message}"):
        load_model(tmp_path)
