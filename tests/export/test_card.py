import json
import re
from dataclasses import replace
from importlib.metadata import version

import pytest

from decouplednet.errors import ModelError
from decouplednet.export.card import card_of, check_exportable
from decouplednet.inference.procedure import Procedure
from tests.export.small import CALIBRATION, NAMES, RICH, untrained

TRACE = ("pool5", "switch_1", "skip_2")


def test_the_card_holds_all_that_prediction_needs() -> None:
    card = card_of(untrained("tiny", RICH), TRACE, "onnx")

    assert json.loads(json.dumps(card)) == card
    assert card["format_version"] == 2
    assert card["made_by"] == f"decouplednet {version('decouplednet')}"
    assert card["format"] == "onnx"
    assert card["classes"] == list(NAMES)
    assert card["sides"] == [96, 128]  # 144 is no multiple of 32
    assert card["mirrored"] == [False, True]
    assert card["padding"] == [123.0, 117.0, 104.0]  # the mean colour, RGB
    assert (card["stride"], card["veto"]) == (32, "soft")
    assert card["thresholds"] == [0.1, 0.2, 0.15, 0.3]
    assert card["slope"] == list(CALIBRATION.slope)
    assert card["offset"] == list(CALIBRATION.offset)
    assert card["trace"] == list(TRACE)
    assert card["training"] == {"seed": 5}


def test_a_plain_procedure_is_written_out_for_each_class() -> None:
    card = card_of(untrained("tiny"), TRACE, "openvino")

    assert card["thresholds"] == [0.5] * 4
    assert (card["slope"], card["offset"]) == ([1.0] * 4, [0.0] * 4)
    assert (card["sides"], card["mirrored"]) == ([96], [False])


def test_every_tensor_is_described() -> None:
    tensors = card_of(untrained("tiny"), TRACE, "onnx")["tensors"]

    assert list(tensors["encoder"]["outputs"]) == ["score", *TRACE]
    assert list(tensors["class_pass"]["inputs"]) == ["passes", "probability", *TRACE]
    assert list(tensors["class_pass"]["outputs"]) == ["foreground", "map_score"]
    assert "maxima of pooling 1" in tensors["encoder"]["outputs"]["switch_1"]
    assert "borders" in tensors["encoder"]["outputs"]["skip_2"]


def test_a_model_that_refines_its_maps_is_refused() -> None:
    segmenter = replace(untrained("tiny"), procedure=Procedure(refinement="guided"))

    message = (
        "prediction.refinement = guided: exported graphs end before maps are refined; set "
        '"refinement": "none" in the model\'s model.json to export it without'
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        check_exportable(segmenter)
