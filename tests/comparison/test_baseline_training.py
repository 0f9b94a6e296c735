"""The baselines as methods: trained, handed over and counted."""

from pathlib import Path

import pytest

from decouplednet.comparison.baseline_training import (
    ACTIVATION_MAPS,
    CONSISTENCY,
    ONE_NETWORK,
    BaselineTraining,
)
from decouplednet.comparison.budget import of_each_cell
from decouplednet.comparison.own_training import IMPROVED
from decouplednet.evaluation.evaluate import evaluate_records
from decouplednet.networks.pooling import TopKPooling
from decouplednet.training.plan import make_plan
from decouplednet.training.pooling import pooling_of
from decouplednet.training.run import begin
from decouplednet.training.run_folder import RunFolder
from tests.comparison.baselines.conftest import write_encoder
from tests.training.conftest import quick


@pytest.mark.parametrize("method", [ONE_NETWORK, ACTIVATION_MAPS, CONSISTENCY])
def test_a_baseline_is_trained_and_can_be_scored(
    method: BaselineTraining, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(tmp_path / "cache"))
    plan = make_plan(shapes, method.settings(quick("classifier.trained_groups=1")))
    folder = RunFolder(tmp_path / "run")
    begin(folder, plan)

    with folder.locked():
        contender = method.train(plan, folder)

    assert contender.stages
    assert 0 < contender.trained_parameters < contender.parameters
    scores = evaluate_records(contender.predictor, plan.catalogue, plan.roles.validation)
    assert scores.images == 2
    assert contender.has_tag_scores == method.has_tag_scores


@pytest.mark.parametrize("method", [ONE_NETWORK, CONSISTENCY])
def test_from_trained_weights_three_groups_of_convolutions_learn_as_in_stage_3_of_improved(
    method: BaselineTraining, shapes: Path, tmp_path: Path
) -> None:
    weights = write_encoder(tmp_path / "w.safetensors")
    common = quick(f"classifier.weights={weights}")
    plan, folder = make_plan(shapes, method.settings(common)), RunFolder(tmp_path / "run")
    begin(folder, plan)
    with folder.locked():
        contender = method.train(plan, folder)

    # The first two groups of tiny, 3 to 8 and 16 channels in 2 layers each: kernels of 3 x 3, a
    # bias, and two numbers of batch normalisation a channel. A network that is told of no class
    # has zeros for f_cls, so the 128 factors of their batch normalisation get no gradient.
    frozen = sum(9 * into * out + 3 * out for into, out in ((3, 8), (8, 8), (8, 16), (16, 16)))
    assert contender.trained_parameters == contender.parameters - frozen - 128
    assert IMPROVED.settings(common).self_training.trained_groups == 3
    assert "as many groups of convolutions learn as in stage 3 of improved" in method.tuning


@pytest.mark.parametrize(
    "changes",
    [
        ("classifier.pooling=log-sum-exp", "classifier.pooling_sharpness=2"),
        ("classifier.pooling=top-k", "classifier.pooling_top_share=0.5"),
    ],
)
def test_activation_maps_pool_the_highest_quarter_whatever_is_common(
    changes: tuple[str, ...], shapes: Path
) -> None:
    plan = make_plan(shapes, ACTIVATION_MAPS.settings(quick(*changes)))

    assert pooling_of(plan.settings.classifier) == TopKPooling(top_share=0.25)
    assert "the mean of the highest quarter" in ACTIVATION_MAPS.tuning


def test_a_baseline_has_no_third_stage() -> None:
    its = ONE_NETWORK.settings(quick("self_training.enabled=true"))

    assert not its.self_training.enabled
    assert its == quick("prediction.flip=true")


@pytest.mark.parametrize("method", [ONE_NETWORK, CONSISTENCY])
def test_settings_that_a_network_for_all_classes_does_not_use_are_recorded_as_off(
    method: BaselineTraining,
) -> None:
    its = method.settings(quick("prediction.refinement=guided"))

    assert its.prediction.refinement == "none"


@pytest.mark.parametrize("method", [ONE_NETWORK, CONSISTENCY])
def test_the_mirrored_view_counts_in_prediction_unless_the_recipe_says_otherwise(
    method: BaselineTraining,
) -> None:
    assert method.settings(quick()).prediction.flip
    assert IMPROVED.settings(quick()).prediction.flip
    assert not method.settings(quick("prediction.flip=false")).prediction.flip


@pytest.mark.parametrize("method", [ONE_NETWORK, CONSISTENCY])
@pytest.mark.parametrize(
    ("given", "groups"),
    [
        (("minutes=10",), 0),
        (("minutes=29.9",), 0),
        (("minutes=30",), 3),
        (("minutes=10", "self_training.trained_groups=2"), 2),
        (("minutes=10", "self_training.enabled=true"), 0),
        (("minutes=30", "self_training.enabled=false"), 3),
        ((), 3),
    ],
)
def test_convolutions_stand_still_in_cells_too_short_for_stage_3_of_improved(
    given: tuple[str, ...], groups: int, method: BaselineTraining
) -> None:
    its = method.settings(of_each_cell(quick(*given)))

    assert its.self_training.trained_groups == groups
    assert not its.self_training.enabled
    assert "none where a cell is too short for that stage" in method.tuning


def test_activation_maps_have_no_other_convolutions_in_a_short_cell() -> None:
    common = of_each_cell(quick("minutes=10"))

    expected = common.self_training.trained_groups
    assert ACTIVATION_MAPS.settings(common).self_training.trained_groups == expected
