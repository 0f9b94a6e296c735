"""Calibrated probabilities against another optimiser, and on tags that nothing learnt from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from decouplednet.annotations.images import read_image
from decouplednet.dataset.tagged import tag_targets
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Procedure
from decouplednet.training.calibration import PRIOR, calibrate, fit_calibration
from decouplednet.training.run import train
from decouplednet.training.thresholds import choose_thresholds
from tests.training.conftest import quick, start


def _drawn(images: int, slope: float, offset: float) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    score = 3 * torch.randn(images, 1, generator=rng)
    probability = (slope * score + offset).sigmoid()
    return score, (torch.rand(images, 1, generator=rng) < probability).float()


def test_the_fit_is_that_of_another_optimiser() -> None:
    first, second = _drawn(70, 0.5, -1.0), _drawn(70, 2.0, 0.7)
    score, tags = (torch.cat(pair, dim=1) for pair in zip(first, second, strict=True))
    tags[::9, 1] = torch.nan

    fitted = fit_calibration(score, tags)

    for place in range(2):
        known = ~tags[:, place].isnan().numpy()
        z, y = score[:, place].numpy()[known], tags[:, place].numpy()[known]

        def loss(pair: np.ndarray, z: np.ndarray = z, y: np.ndarray = y) -> float:
            line = pair[0] * z + pair[1]
            terms = np.logaddexp(0, line) - y * line
            return float(terms.sum() + PRIOR / 2 * ((pair[0] - 1) ** 2 + pair[1] ** 2))

        found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead", tol=1e-9).x
        assert fitted.slope[place] == pytest.approx(found[0], abs=1e-4)
        assert fitted.offset[place] == pytest.approx(found[1], abs=1e-4)


def test_many_tags_give_back_how_they_were_drawn() -> None:
    fitted = fit_calibration(*_drawn(20_000, 0.6, -0.8))

    assert fitted.slope[0] == pytest.approx(0.6, abs=0.05)
    assert fitted.offset[0] == pytest.approx(-0.8, abs=0.05)


def test_without_a_known_tag_the_sigmoid_stays_as_it_is() -> None:
    fitted = fit_calibration(torch.randn(4, 1), torch.full((4, 1), torch.nan))

    assert (fitted.slope, fitted.offset) == ((1.0,), (0.0,))


def test_scores_that_say_the_opposite_still_get_a_slope_above_zero() -> None:
    score = torch.linspace(-9, 9, 400)[:, None]

    assert fit_calibration(score, (score < 0).float()).slope[0] > 0


def test_nothing_is_calibrated_where_nothing_was_kept_for_it(shapes: Path, tmp_path: Path) -> None:
    network, plan, _ = start(shapes, tmp_path)
    procedure = Procedure(threshold=0.2, flip=True)
    predictor = Predictor(
        network=network,
        classes=plan.classes,
        frame=plan.frame,
        device=torch.device("cpu"),
        procedure=procedure,
    )

    assert not plan.roles.calibration
    assert calibrate(predictor, plan) == procedure


def test_thresholds_are_chosen_by_the_calibrated_probabilities_of_held_out_tags(
    shapes: Path, tmp_path: Path
) -> None:
    settings = ("data.calibration_share=0.8", "prediction.threshold=0.3")
    network, plan, _ = start(shapes, tmp_path, *settings, "prediction.threshold_choice=calibrated")
    network.eval()
    predictor = Predictor(
        network=network, classes=plan.classes, frame=plan.frame, device=torch.device("cpu")
    )

    procedure = calibrate(predictor, plan)

    records = plan.roles.calibration
    assert len(records) == 3
    scores = torch.cat([predictor.scores([read_image(record.image)]) for record in records])
    tags = tag_targets([record.tags for record in records], plan.classes)
    probability = Procedure(calibration=fit_calibration(scores, tags)).probability(scores)
    assert procedure.thresholds == pytest.approx(
        choose_thresholds(probability, tags, usual=0.3), abs=1e-5
    )
    fixed = calibrate(predictor, start(shapes, tmp_path, *settings)[1])
    assert fixed == procedure.model_copy(update={"thresholds": None})


def test_what_is_unsaid_of_a_kept_image_calibrates_nothing(shapes: Path, tmp_path: Path) -> None:
    network, plan, _ = start(shapes, tmp_path, "data.calibration_share=0.8")
    network.eval()
    predictor = Predictor(
        network=network, classes=plan.classes, frame=plan.frame, device=torch.device("cpu")
    )
    unsaid = frozenset(plan.classes)
    kept = tuple(
        replace(record, tags=frozenset[str](), unsaid=unsaid) for record in plan.roles.calibration
    )
    plan = replace(plan, roles=replace(plan.roles, calibration=kept))

    calibration = calibrate(predictor, plan).calibration

    assert calibration is not None
    assert (set(calibration.slope), set(calibration.offset)) == ({1.0}, {0.0})


def test_a_run_records_how_its_model_predicts(shapes: Path, tmp_path: Path) -> None:
    run = train(
        shapes,
        out=tmp_path / "run",
        settings=quick(
            "data.calibration_share=0.5",
            "prediction.veto=soft",
            "prediction.flip=true",
            "prediction.threshold=0.1",
            "prediction.threshold_choice=calibrated",
            "prediction.scales=[1.0, 1.34]",
        ),
    )

    procedure = run.segmenter.procedure
    assert procedure.calibration is not None
    assert procedure.calibration.slope != (1.0, 1.0, 1.0)
    assert procedure.thresholds is not None
    assert len(procedure.thresholds) == 3
    assert load_model(run.folder / "model").procedure == procedure
    assert procedure == Procedure(
        threshold=0.1,
        thresholds=procedure.thresholds,
        veto="soft",
        flip=True,
        scales=(1.0, 1.34),
        calibration=procedure.calibration,
    )
