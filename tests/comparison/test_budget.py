import re

import pytest

from decouplednet.comparison.baseline_training import ACTIVATION_MAPS
from decouplednet.comparison.budget import check_budget, of_each_cell, stated, stated_in_common
from decouplednet.comparison.method import Method
from decouplednet.comparison.methods import METHODS
from decouplednet.comparison.own_training import DECOUPLEDNET, IMPROVED, MASKS_ONLY
from decouplednet.errors import SettingsError, UsageError
from decouplednet.settings import Settings


def given(*changes: str) -> Settings:
    return Settings.read(None, changes)


def test_minutes_of_a_run_are_those_of_the_stages_of_a_cell() -> None:
    settings = of_each_cell(given("minutes=5", "side=96"))

    assert (settings.minutes, settings.side) == (None, 96)
    assert (settings.classifier.minutes, settings.segmenter.minutes) == (1, 4)
    assert of_each_cell(given("side=96")) == given("side=96")


def test_minutes_that_a_stage_has_already_are_kept() -> None:
    settings = of_each_cell(given("minutes=10", "classifier.minutes=1"))

    assert (settings.classifier.minutes, settings.segmenter.minutes) == (1, 9)
    both = of_each_cell(given("minutes=10", "classifier.minutes=1", "segmenter.minutes=2"))
    assert (both.minutes, both.classifier.minutes, both.segmenter.minutes) == (None, 1, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["minutes=7.5"], "7.5 minutes of training"),
        (
            ["classifier.minutes=2", "segmenter.updates=1"],
            "2 minutes from tags, 1 update of 8 windows from masks",
        ),
        (
            ["classifier.updates=30"],
            "30 updates of 64 images from tags, updates chosen for the masks",
        ),
    ],
)
def test_the_budget_is_told_in_words(changes: list[str], words: str) -> None:
    assert stated(of_each_cell(given(*changes))) == words


def test_minutes_that_leave_a_stage_nothing_are_refused() -> None:
    line = (
        "minutes = 3: classifier.minutes = 5 leave nothing of them for the other stages; give more "
        "minutes, or leave theirs to be chosen"
    )
    with pytest.raises(SettingsError, match=re.escape(line)):
        of_each_cell(given("minutes=3", "classifier.minutes=5"))
    both = ("minutes=3", "classifier.minutes=1", "segmenter.minutes=2")
    assert of_each_cell(given(*both)).minutes is None


def test_the_budget_of_a_cell_is_that_of_all_its_stages() -> None:
    settings = given(
        *("self_training.enabled=true", "self_training.updates=90"),
        *("classifier.updates=30", "segmenter.updates=50"),
    )

    assert stated(settings) == (
        "30 updates of 64 images from tags, 50 updates of 8 windows from masks, "
        "90 updates of 8 windows from pseudo-masks"
    )
    assert stated(settings, ["segmenter"]) == "50 updates of 8 windows from masks"
    assert stated_in_common(settings) == (
        "30 updates of 64 images from tags, 140 updates of 8 windows from masks"
    )


def test_every_method_is_allowed_the_same_minutes_in_all_its_stages() -> None:
    common = of_each_cell(given("minutes=10", "self_training.enabled=true"))
    assert stated_in_common(common) == "10 minutes of training"

    for method, stages in (
        (IMPROVED, ["classifier", "segmenter", "student"]),
        (DECOUPLEDNET, ["classifier", "segmenter"]),
        (ACTIVATION_MAPS, ["classifier"]),
    ):
        assert stated(method.settings(common), stages) == "10 minutes of training"


def test_every_method_is_allowed_the_same_updates_from_windows() -> None:
    common = given("classifier.updates=30", "segmenter.updates=50", "self_training.updates=90")
    check_budget(common, METHODS)

    for method in METHODS:
        its = method.settings(common)
        student = its.self_training.updates if its.self_training.enabled else 0
        assert its.classifier.updates == 30
        if method is not ACTIVATION_MAPS:  # it has no stage that learns from windows
            assert its.segmenter.updates is not None
            assert its.segmenter.updates + student == 140
    assert IMPROVED.settings(common).segmenter.updates == 50


@pytest.mark.parametrize(
    ("methods", "remedy"),
    [
        (
            (DECOUPLEDNET, IMPROVED, MASKS_ONLY),
            ", or leave improved out: --methods decouplednet,masks-only",
        ),
        ((IMPROVED,), ""),
    ],
)
def test_a_third_stage_is_refused_where_its_updates_or_the_second_ones_are_not_given(
    methods: tuple[Method, ...], remedy: str
) -> None:
    line = (
        "--methods: improved trains a third stage; give the --minutes of a cell, or "
        "segmenter.updates and self_training.updates, which the other methods make in their second"
    )
    counted = ("segmenter.updates=9", "self_training.updates=9")
    for changes in (
        (),
        ("classifier.minutes=2",),
        ("self_training.updates=9",),
        (*counted, "self_training.minutes=2"),
    ):
        with pytest.raises(UsageError, match=f"^{re.escape(line + remedy)}$"):
            check_budget(of_each_cell(given(*changes)), methods)
    check_budget(of_each_cell(given("minutes=10")), methods)
    check_budget(given("self_training.enabled=true"), (DECOUPLEDNET, MASKS_ONLY))
