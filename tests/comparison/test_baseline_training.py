"""The baselines as methods: trained, handed over and counted."""

from pathlib import Path

import pytest

from decouplednet.comparison.baseline_training import (
    ACTIVATION_MAPS,
    CONSISTENCY,
    ONE_NETWORK,
    BaselineTraining,
)
from decouplednet.evaluation.evaluate import evaluate_records
from decouplednet.networks.pooling import TopKPooling
from decouplednet.training.plan import make_plan
from decouplednet.training.pooling import pooling_of
from decouplednet.training.run import begin
from decouplednet.training.run_folder import RunFolder
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
    assert its == quick()
