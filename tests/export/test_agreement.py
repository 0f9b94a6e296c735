import json
import math
from pathlib import Path

import pytest
import torch

from decouplednet.export.agreement import Agreement, agreement_of
from decouplednet.export.card import card_of
from decouplednet.export.files import traced_size, write_onnx
from tests.export.small import RICH, untrained


@pytest.mark.parametrize(
    ("difference", "equal", "close"),
    [
        (1e-3, 0.999, True),
        (1.1e-3, 1.0, False),
        (0.0, 0.9989, False),
        (math.nan, 1.0, False),
        (0.0, math.nan, False),
    ],
)
def test_only_what_is_close_enough_passes(difference: float, equal: float, close: bool) -> None:
    assert Agreement(difference, equal, ()).is_close is close


@pytest.mark.slow
def test_files_of_other_weights_do_not_agree(tmp_path: Path) -> None:
    segmenter = untrained("tiny", RICH)
    names = write_onnx(segmenter, tmp_path)
    card = json.dumps(card_of(segmenter, names, "onnx"))
    (tmp_path / "model.json").write_text(card, encoding="utf-8")
    same = agreement_of(segmenter, tmp_path, names)
    weight = segmenter.network.classifier.head.score.weight
    with torch.no_grad():
        weight += 0.02

    other = agreement_of(segmenter, tmp_path, names)

    assert same.is_close
    assert not other.is_close
    assert other.difference > 1e-3
    assert traced_size(segmenter) not in same.sizes
    assert any(height != width for height, width in same.sizes)


@pytest.mark.slow
def test_a_graph_whose_scores_are_no_numbers_does_not_agree(tmp_path: Path) -> None:
    segmenter = untrained("tiny", RICH)
    with torch.no_grad():
        for name, weight in segmenter.network.decoder.state_dict().items():
            if name == "score.bias":
                weight.fill_(torch.nan)
    names = write_onnx(segmenter, tmp_path)
    card = json.dumps(card_of(segmenter, names, "onnx"))
    (tmp_path / "model.json").write_text(card, encoding="utf-8")
    healthy = untrained("tiny", RICH)

    assert not agreement_of(healthy, tmp_path, names).is_close
