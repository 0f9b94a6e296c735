import json
import math
import re
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.errors import ModelError
from decouplednet.export.agreement import (
    Agreement,
    agreement_of,
    check_agreement,
    label_maps,
    least_equal,
)
from decouplednet.export.card import Format, card_of
from decouplednet.export.files import traced_size, write_onnx
from decouplednet.inference.segmenter import Segmenter
from tests.export.small import NAMES, RICH, untrained
from tests.inference.small import small_segmenter

OPENVINO = f"openvino {openvino.__version__}"
SHOWING = np.repeat(np.arange(4, dtype=np.uint8), 50).reshape(8, 25)  # 50 pixels of each class


def changed(label_map: NDArray[np.uint8], pixels: int, label: int = 0) -> NDArray[np.uint8]:
    """Return the label map with another class in its last pixels."""
    other = label_map.copy()
    other.reshape(-1)[other.size - pixels :] = label
    return other


@pytest.mark.parametrize(
    ("difference", "equal", "close"),
    [
        (1e-3, 0.999, True),
        (1e-3, None, True),
        (1.1e-3, 1.0, False),
        (1.1e-3, None, False),
        (0.0, 0.9989, False),
        (math.nan, 1.0, False),
        (0.0, math.nan, False),
    ],
)
def test_only_what_is_close_enough_passes(
    difference: float, equal: float | None, close: bool
) -> None:
    assert Agreement(difference, equal, 3, ()).is_close is close


def test_it_is_said_when_no_label_map_shows_a_class() -> None:
    words = Agreement(2e-5, None, 0, ((64, 96),)).in_words()

    assert words == "scores within 2e-05 in 1 sizes; no class is shown by any label map"


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(SHOWING, SHOWING)], (1.0, 3)),
        ([(SHOWING, SHOWING), (SHOWING, changed(SHOWING, 30))], (0.85, 3)),  # no mean
        ([(SHOWING, changed(SHOWING, 30, label=7))], (0.85, 4)),
        ([(0 * SHOWING, 0 * SHOWING)], (None, 0)),
        ([(SHOWING, SHOWING[::-1]), (0 * SHOWING, 0 * SHOWING)], (0.0, 3)),
        ([(0 * SHOWING, changed(0 * SHOWING, 2, label=5))], (0.99, 1)),  # 1 % of 200 pixels
        ([(0 * SHOWING, changed(0 * SHOWING, 1, label=5))], (None, 0)),
        ([], (None, 0)),
    ],
)
def test_the_worst_label_map_counts_and_one_without_classes_does_not(
    pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]], expected: tuple[float | None, int]
) -> None:
    assert least_equal(pairs) == expected


@pytest.mark.parametrize("lost", [(name,) for name in NAMES] + [(NAMES[0], NAMES[-1]), None])
def test_what_loses_a_class_of_one_label_map_does_not_agree(lost: tuple[str, ...] | None) -> None:
    segmenter = small_segmenter(NAMES)
    told = []

    def predict(image: NDArray[np.uint8], tags: Collection[str] | None) -> NDArray[np.uint8]:
        told.append(tags)
        label_map = segmenter.predict(image, tags).label_map
        return label_map * (label_map != label_map.max()) if tags == lost else label_map

    equal, classes = least_equal(label_maps(segmenter, predict))

    assert classes == len(NAMES)
    assert equal is not None
    assert equal < 0.999
    assert {None, NAMES, (NAMES[0], NAMES[-1]), *((name,) for name in NAMES)} == set(told)
    assert least_equal(label_maps(segmenter, lambda *of: segmenter.predict(*of).label_map)) == (
        1.0,
        len(NAMES),
    )


@pytest.mark.parametrize(
    ("made_for", "runtime"),
    [("onnx", f"onnxruntime {onnxruntime.__version__}"), ("openvino", OPENVINO)],
)
def test_a_refusal_names_the_versions_that_computed(made_for: Format, runtime: str) -> None:
    message = (
        "out: nothing is left there, since the exported model differs from the model: scores "
        "within 0.2 in 2 sizes, label maps equal on 98.500 % of pixels; classes shown: 3; expected "
        f"0.001 and 99.9 %. Report it with these versions: decouplednet {version('decouplednet')}, "
        f"torch {torch.__version__}, {runtime}"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        check_agreement(Agreement(0.2, 0.985, 3, ((9, 8), (8, 9))), Path("out"), made_for)


def exported(segmenter: Segmenter, folder: Path) -> tuple[str, ...]:
    names = write_onnx(segmenter, folder)
    card = json.dumps(card_of(segmenter, names, "onnx"))
    (folder / "model.json").write_text(card, encoding="utf-8")
    return names


@pytest.mark.slow
def test_files_of_other_weights_do_not_agree(tmp_path: Path) -> None:
    segmenter = untrained("tiny", RICH)
    names = exported(segmenter, tmp_path)
    same = agreement_of(segmenter, tmp_path, names)
    weight = segmenter.network.classifier.head.score.weight
    of_one = list[Agreement]()
    for row in range(len(NAMES)):
        with torch.no_grad():
            weight[row] *= -1
            of_one.append(agreement_of(segmenter, tmp_path, names))
            weight[row] *= -1

    assert same.is_close
    assert same.classes == len(NAMES)
    assert same.equal is not None
    assert traced_size(segmenter) not in same.sizes
    assert any(height != width for height, width in same.sizes)
    for other in of_one:  # the network differs for one class alone
        assert not other.is_close
        assert other.difference > 1e-3
        assert (other.equal or 0) < 0.999


@pytest.mark.slow
def test_a_graph_whose_scores_are_no_numbers_does_not_agree(tmp_path: Path) -> None:
    segmenter = untrained("tiny", RICH)
    with torch.no_grad():
        for name, weight in segmenter.network.decoder.state_dict().items():
            if name == "score.bias":
                weight.fill_(torch.nan)
    names = exported(segmenter, tmp_path)
    healthy = untrained("tiny", RICH)

    assert not agreement_of(healthy, tmp_path, names).is_close
