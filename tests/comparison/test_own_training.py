"""The project's own training as a method: it is that of ``train``, and its weights are counted."""

from pathlib import Path

import pytest

from decouplednet.comparison.budget import minutes_of_cell, of_each_cell, stated
from decouplednet.comparison.own_training import (
    DECOUPLEDNET,
    IMPROVED,
    MASKS_ONLY,
    OwnTraining,
)
from decouplednet.settings import PredictionSettings
from decouplednet.training.plan import make_plan
from decouplednet.training.run import begin, train
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.start import start_network
from tests.training.conftest import quick, same, weights_of


def test_decouplednet_is_the_run_that_train_makes(shapes: Path, tmp_path: Path) -> None:
    run = train(shapes, out=tmp_path / "run", settings=quick())
    folder, plan = RunFolder(tmp_path / "cell"), make_plan(shapes, DECOUPLEDNET.settings(quick()))
    begin(folder, plan)
    with folder.locked():
        contender = DECOUPLEDNET.train(plan, folder)

    assert same(weights_of(folder.root), weights_of(run.folder))
    assert contender.stages == ("classifier", "segmenter")
    assert (contender.takes_tags, contender.has_tag_scores) == (True, True)
    assert set(folder.read_facts()["seconds"]) == {"classifier", "segmenter"}


@pytest.mark.parametrize("groups", [5, 2])
def test_trained_weights_are_all_but_those_of_frozen_convolutions(
    groups: int, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(tmp_path / "cache"))
    plan = make_plan(shapes, quick(f"classifier.trained_groups={groups}"))
    folder = RunFolder(tmp_path / "run")
    begin(folder, plan)
    with folder.locked():
        contender = DECOUPLEDNET.train(plan, folder)
    total = sum(tensor.numel() for tensor in start_network(plan).parameters())
    # The first three groups of tiny, 3 to 8, 16 and 32 channels in 2, 2 and 3 layers: kernels of
    # 3 x 3, a bias, and two numbers of batch normalisation a channel.
    layers = ((3, 8), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32), (32, 32))
    frozen = sum(9 * into * out + 3 * out for into, out in layers)

    assert contender.parameters == total
    assert contender.trained_parameters == total - (frozen if groups == 2 else 0)


def test_masks_only_learns_the_tags_of_the_masked_images_alone(shapes: Path) -> None:
    common = quick()
    its = MASKS_ONLY.settings(common)

    assert its.data.tags_split == common.data.masks_split == "strong"
    papers = common.changed({"classifier.pooling": "max"})
    assert its.model_copy(update={"data": common.data}) == papers
    assert (DECOUPLEDNET.uses_tags, MASKS_ONLY.uses_tags) == (True, False)
    assert DECOUPLEDNET.uses_masks
    assert DECOUPLEDNET.settings(common) == papers


def test_the_faithful_methods_have_two_stages_and_the_papers_prediction(shapes: Path) -> None:
    common = quick(
        "self_training.enabled=true",
        "prediction.veto=soft",
        "data.calibration_share=0.3",
        "classifier.average=0.9",
        "classifier.pooling=top-k",
        "classifier.pooling_top_share=0.5",
        "segmenter.average=0.9",
    )

    for method in (DECOUPLEDNET, MASKS_ONLY):
        its = method.settings(common)
        assert not its.self_training.enabled
        assert its.prediction == PredictionSettings()
        assert its.data.calibration_share == 0
        assert (its.classifier.average, its.segmenter.average) == (0, 0)
        assert its.classifier.pooling == "max"
        assert its.classifier.pooling_top_share is None


@pytest.mark.parametrize(
    ("given", "faithful"), [("skip", "light"), ("fast", "light"), ("tiny-skip", "tiny")]
)
def test_the_faithful_methods_decode_by_switches_whatever_the_recipe(
    given: str, faithful: str
) -> None:
    for method in (DECOUPLEDNET, MASKS_ONLY):
        assert method.settings(quick(f"preset={given}")).preset == faithful


@pytest.mark.parametrize("method", [DECOUPLEDNET, MASKS_ONLY])
def test_sides_that_switches_cannot_take_are_rounded(method: OwnTraining) -> None:
    sides = ("side=240", "segmenter.side=80", "self_training.side=176")
    its = method.settings(quick("preset=skip", *sides))

    assert (its.side, its.segmenter.side, its.self_training.side) == (256, 96, 192)
    kept = method.settings(quick("preset=skip"))
    assert (kept.side, kept.segmenter.side, kept.self_training.side) == (None, None, None)


def test_the_faithful_methods_pool_by_the_maximum_where_the_preset_usually_does_not() -> None:
    its = DECOUPLEDNET.settings(quick("preset=modern", "backbone=some/backbone"))

    assert (its.preset, its.classifier.pooling) == ("modern", "max")


def test_the_improved_method_has_all_that_the_paper_has_not() -> None:
    its = IMPROVED.settings(quick("preset=light", "data.masks_classes=disc"))

    assert (its.preset, its.self_training.enabled) == ("skip", True)
    assert its.classifier.pooling == "top-k"
    assert (its.prediction.veto, its.prediction.flip) == ("soft", True)
    assert its.data.masks_classes == ("disc",)  # what the recipe says of data stays


@pytest.mark.parametrize(
    ("given", "third"),
    [
        (("minutes=29",), False),
        (("classifier.minutes=1", "segmenter.minutes=9"), False),
        (("minutes=10", "self_training.enabled=true"), True),
        (("minutes=30",), True),
        (("minutes=30", "self_training.enabled=false"), False),
        (("classifier.updates=9", "segmenter.updates=9"), True),
    ],
)
def test_the_improved_method_has_a_third_stage_where_its_minutes_allow_it(
    given: tuple[str, ...], third: bool
) -> None:
    common = of_each_cell(quick(*given))
    its = IMPROVED.settings(common)

    assert its.self_training.enabled is third
    assert stated(its) == stated(DECOUPLEDNET.settings(common)) or minutes_of_cell(common) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), (0.1, "soft", True)),
        (("prediction.threshold=0.4",), (0.4, "soft", True)),
        (("prediction.veto=hard",), (0.1, "hard", True)),
        (("prediction.flip=false",), (0.1, "soft", False)),
    ],
)
def test_the_improved_method_predicts_as_the_recipe_says_where_it_says_anything(
    given: tuple[str, ...], expected: tuple[float, str, bool]
) -> None:
    its = IMPROVED.settings(quick(*given, "prediction.scales=[1.0, 1.5]")).prediction

    assert (its.threshold, its.veto, its.flip) == expected
    assert its.scales == (1.0, 1.5)


def test_the_improved_method_keeps_a_pooling_that_teaches_many_positions() -> None:
    its = IMPROVED.settings(quick("classifier.pooling=log-sum-exp"))

    assert its.classifier.pooling == "log-sum-exp"


def test_a_small_recipe_is_improved_by_the_small_preset() -> None:
    assert IMPROVED.settings(quick()).preset == "tiny-skip"


def test_methods_that_were_chosen_on_the_split_that_is_scored_say_so() -> None:
    for method in (DECOUPLEDNET, IMPROVED):
        assert "on the animals' dev split, so a score on it flatters this method" in method.tuning
    assert MASKS_ONLY.tuning == (
        "nothing of its own: settings and schedule of DecoupledNet with tags"
    )
