"""How scores are read: calibration, and the claims of a soft veto."""

import json
import math

import pytest
import torch

from decouplednet.errors import ModelError
from decouplednet.inference.procedure import Calibration, Procedure, procedure_of
from decouplednet.settings import PredictionSettings


def test_without_calibration_a_probability_is_the_sigmoid_of_its_score() -> None:
    score = torch.tensor([[0.3, -2.0, 7.0]])

    assert torch.equal(Procedure().probability(score), score.sigmoid())


def test_calibration_has_a_slope_and_an_offset_for_each_class() -> None:
    calibration = Calibration(slope=(0.5, 2.0, 1.0), offset=(0.1, -0.4, 0.0))
    score = torch.tensor([[0.3, -2.0, 1.0], [1.5, 0.0, -1.0]])

    probability = Procedure(calibration=calibration).probability(score)

    for row in range(2):
        for place in range(3):
            line = calibration.slope[place] * float(score[row, place]) + calibration.offset[place]
            expected = 1 / (1 + math.exp(-line))
            assert float(probability[row, place]) == pytest.approx(expected, rel=1e-5)


def test_a_class_is_identified_above_its_threshold_or_above_the_one_that_is_given() -> None:
    probability = torch.tensor([[0.3, 0.5, 0.7], [0.6, 0.2, 0.1]])
    by_class = Procedure(threshold=0.4, thresholds=(0.65, 0.1, 0.7))

    def found(procedure: Procedure, threshold: float | None = None) -> list[list[bool]]:
        found: list[list[bool]] = procedure.identified(probability, threshold).tolist()
        return found

    assert found(Procedure(threshold=0.4)) == [[False, True, True], [True, False, False]]
    assert found(by_class) == [[False, True, False], [False, True, False]]
    assert found(by_class, 0.55) == [[False, False, True], [True, False, False]]
    assert found(by_class, 0.0) == [[True] * 3] * 2


def test_a_hard_veto_lets_every_class_claim_all() -> None:
    claims = Procedure().claims(torch.tensor([0.2, 0.9]), torch.tensor([False, True]))

    assert claims.tolist() == [1, 1]


def test_a_soft_veto_weighs_classes_by_their_probability_beside_the_most_probable() -> None:
    probability = torch.tensor([0.2, 0.8, 0.4, 0.9])
    asked = torch.tensor([True, True, True, False])  # 0.9 is not asked for

    claims = Procedure(veto="soft").claims(probability, asked)

    assert claims.tolist() == pytest.approx([0.25, 1.0, 0.5, 0.0])


@pytest.mark.parametrize("asked", [[False, False], [True, False]])
def test_a_soft_veto_of_nothing_probable_claims_nothing(asked: list[bool]) -> None:
    claims = Procedure(veto="soft").claims(torch.zeros(2), torch.tensor(asked))

    assert claims.tolist() == [0, 0]


def test_a_procedure_comes_back_from_json() -> None:
    procedure = Procedure(
        threshold=0.1,
        thresholds=(0.25, 0.75),
        veto="soft",
        calibration=Calibration(slope=(0.5, 2.0), offset=(0.1, -0.4)),
        flip=True,
        scales=(1.0, 1.25),
        refinement="guided",
        refinement_radius=0.05,
        refinement_contrast=0.1,
    )

    assert Procedure.from_dict(json.loads(json.dumps(procedure.to_dict())), 2) == procedure


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": 2}, r"prediction\.threshold: Input should be less than or equal to 1"),
        ({"thresholds": [0.5, 1.5]}, r"prediction\.thresholds\.1: Input should be less than or"),
        ({"withheld": [True]}, r"prediction\.withheld: 1 values for the model's 2 classes"),
        ({"thresholds": [0.5]}, r"prediction\.thresholds: 1 values for the model's 2 classes"),
        ({"veto": "none"}, r"prediction\.veto: Input should be 'hard' or 'soft'"),
        ({"scales": []}, r"prediction\.scales: Tuple should have at least 1 item"),
        ({"scales": [1, 9]}, r"prediction\.scales\.1: Input should be less than or equal to 8"),
        ({"scales": [1.0] * 9}, r"prediction\.scales: Tuple should have at most 8 items"),
        ({"refinement": "crf"}, r"prediction\.refinement: Input should be 'none' or 'guided'"),
        ({"refinement_radius": 0}, r"prediction\.refinement_radius: Input should be greater than"),
        ({"refinement_contrast": 2}, r"prediction\.refinement_contrast: Input should be less than"),
        ({"flips": True}, r"prediction\.flips: Extra inputs are not permitted"),
        ([], r"prediction: Input should be"),
        (
            {"calibration": {"slope": [1, 1], "offset": [0]}},
            r"prediction\.calibration\.offset: 1 values for the model's 2 classes",
        ),
        (
            {"calibration": {"slope": [1, 0], "offset": [0, 0]}},
            r"prediction\.calibration\.slope\.1: Input should be greater than 0",
        ),
    ],
)
def test_a_damaged_procedure_is_refused(values: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Procedure.from_dict(values, 2)


@pytest.mark.parametrize("scale", [1e-9, 8.0])
def test_every_scale_that_the_settings_take_is_one_of_a_procedure(scale: float) -> None:
    assert procedure_of(PredictionSettings(scales=(scale,))).scales == (scale,)


def test_every_setting_of_prediction_reaches_the_procedure() -> None:
    values = {
        "threshold": 0.2,
        "veto": "soft",
        "flip": True,
        "scales": (0.7, 1.0),
        "refinement": "guided",
        "refinement_radius": 0.04,
        "refinement_contrast": 0.2,
    }
    settings = PredictionSettings.model_validate({**values, "threshold_choice": "calibrated"})

    procedure = procedure_of(settings)

    assert set(PredictionSettings.model_fields) == {*values, "threshold_choice"}
    found_later = {"thresholds": None, "calibration": None, "withheld": None}
    assert procedure.model_dump() == {**values, **found_later}
    assert procedure_of(PredictionSettings()) == Procedure()


def test_thresholds_of_classes_and_calibration_are_told() -> None:
    procedure = Procedure(
        thresholds=(0.25, 0.5), calibration=Calibration(slope=(1.0, 2.0), offset=(0.0, 0.0))
    )
    words = "hard veto, calibrated probabilities"
    assert procedure.in_words(("cat", "dog")) == f"classes above cat 0.25, dog 0.5, {words}"
    assert procedure.in_words() == f"classes above 0.5, {words}"


def test_f_cls_is_shown_of_the_classes_from_which_it_is_not_withheld() -> None:
    asked = torch.ones(2, 3, dtype=torch.bool)

    shown = Procedure(withheld=(False, True, False)).shown(asked)

    assert shown is not None
    assert shown.tolist() == [[True, False, True]] * 2
    assert Procedure().shown(asked) is None
