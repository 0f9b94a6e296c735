import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from decouplednet.classes import ClassList
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.segmenter import Segmenter
from decouplednet.serve.version import model_version
from tests.inference.small import small_frame, small_network, small_segmenter


def changed_weight() -> Segmenter:
    segmenter = small_segmenter()
    with torch.no_grad():
        next(segmenter.network.parameters()).view(-1)[0] += 1
    return segmenter


def test_the_same_model_has_the_same_version() -> None:
    version = model_version(small_segmenter())

    assert re.fullmatch("decouplednet-tiny-[0-9a-f]{12}", version)
    assert model_version(small_segmenter()) == version


@pytest.mark.parametrize(
    "other",
    [
        changed_weight,
        lambda: replace(small_segmenter(), classes=ClassList(("cat", "cow", "hen"))),
        lambda: replace(small_segmenter(), frame=small_frame(96)),
        lambda: replace(small_segmenter(), procedure=Procedure(threshold=0.7)),
        lambda: replace(small_segmenter(), precision=torch.bfloat16),
        lambda: replace(small_segmenter(), network=small_network(seed=8)),
    ],
)
def test_whatever_changes_predictions_changes_the_version(other: Callable[[], Segmenter]) -> None:
    assert model_version(other()) != model_version(small_segmenter())


def test_weights_of_half_precision_have_a_version() -> None:
    segmenter = small_segmenter()
    segmenter.network.to(torch.bfloat16)

    assert model_version(segmenter) != model_version(small_segmenter())
