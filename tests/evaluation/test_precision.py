"""The precision that an evaluation computes in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from decouplednet.annotations.images import read_image
from decouplednet.errors import ModelError
from decouplednet.evaluation.evaluate import evaluate
from decouplednet.inference import devices
from decouplednet.inference.activation_ranges import measure_ranges
from decouplednet.inference.predictor import Predictor
from decouplednet.networks.ranges import set_ranges
from tests.evaluation.shapes import masks, write_data
from tests.evaluation.test_evaluate import expected_counts
from tests.inference.small import small_segmenter
from tests.machine import needs_bytes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def test_the_precision_reaches_the_predictor(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    original = Predictor.predict

    def spy(self: Predictor, *args: object, **more: object) -> object:
        used.append(self.precision)
        return original(self, *args, **more)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(Predictor, "predict", spy)

    evaluate(small_segmenter(), data, split="val", precision="bf16")
    evaluate(small_segmenter(), data, split="val")

    assert used == [torch.bfloat16, None]


@needs_bytes
def test_8_bits_are_scored_as_they_are_predicted(data: Path) -> None:
    segmenter = small_segmenter()
    images = [read_image(data / "images" / f"{name}.png") for name in masks()]
    set_ranges(segmenter.network, measure_ranges(segmenter, images))

    scores = evaluate(segmenter, data, split="val", precision="int8")

    in_bytes = replace(segmenter, precision=torch.int8)
    assert np.array_equal(scores.counts, expected_counts(in_bytes, data, 255))
    assert not np.array_equal(scores.counts, expected_counts(segmenter, data, 255))


def test_8_bits_of_a_model_without_ranges_are_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "int8_in", lambda: True)

    with pytest.raises(ModelError, match=r"^precision int8: the model knows no ranges of its"):
        evaluate(small_segmenter(), data, split="val", precision="int8")
