"""How minutes are divided, by worked examples."""

import re
from dataclasses import replace

import pytest

from decouplednet.errors import SettingsError
from decouplednet.networks.presets import preset_named
from decouplednet.report import activation_figure, picture_parts
from decouplednet.settings import Settings
from decouplednet.training import budget as budgets
from decouplednet.training.budget import (
    SHARES,
    Budget,
    after_training,
    divide,
    rounds_of,
    stage_seconds,
    stages_of,
)
from decouplednet.training.choices import choose
from decouplednet.training.survey import Numbers, Piece, Speed, Survey

NUMBERS = Numbers(tagged=900, masked=48, scored=70, calibrated=0, classes=5, long_side=500)
SPEED = Speed(
    side=160,
    window_side=128,
    view=Piece(0.01, 0.05),
    tags=Piece(0.0, 0.002),
    masks=Piece(0.01, 0.04),
    prediction=Piece(0.02, 0.3),
    label=Piece(0.02, 0.1),
    saving=4.0,
)


def half(side: int, views: int) -> float:
    """Return that half of the features lie in the cache, whatever they are of."""
    del side, views
    return 0.5


SURVEY = Survey(NUMBERS, SPEED, preset_named("light"), half, begun=15.0)


def budget_of(survey: Survey, **values: object) -> Budget:
    """Return the budget of settings with nothing left to choose."""
    given = Settings().changed({name.replace("__", "."): v for name, v in values.items()})
    preset = preset_named(given.preset)
    settings, choices = choose(
        given,
        preset,
        tagged=survey.numbers.tagged,
        masked=survey.numbers.masked,
    )
    return divide(settings, choices, replace(survey, preset=preset))


def test_the_shares_are_those_of_every_stage_and_make_a_whole() -> None:
    assert tuple(SHARES) == tuple(stages_of(Settings()))
    assert sum(SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("minutes", "first", "second"),
    [
        ({}, 200, 800),
        ({"classifier.minutes": 2}, 120, 1000),
        ({"segmenter.minutes": 3}, 820, 180),
        ({"classifier.minutes": 2, "segmenter.minutes": 3}, 120, 180),
    ],
)
def test_a_stage_gets_its_share_of_what_is_left_when_it_begins(
    minutes: dict[str, float], first: float, second: float
) -> None:
    settings = Settings().changed(minutes)
    assert stage_seconds("classifier", settings, 1000) == pytest.approx(first)
    # When the last stage begins, all that is left is its own.
    left = 800 if not minutes else 1000
    assert stage_seconds("segmenter", settings, left) == pytest.approx(second)


def test_a_time_that_is_over_leaves_a_stage_less_than_nothing() -> None:
    assert stage_seconds("segmenter", Settings(), -10) == -10


def test_every_part_takes_its_pieces() -> None:
    budget = budget_of(SURVEY, minutes=20, side=320, segmenter__side=256)
    growth = 4
    prediction = 0.02 + growth * 0.3
    features = 900 * 0.5 * 2 * (0.01 + growth * 0.05)
    pictures = 14 + 0.4 * 16 * 5
    expected = {
        "start": 15.0,
        "features": features,
        "saving": 4.0,
        "scores": 2 * 70 * prediction,
        "report": 8 + pictures * prediction,
    }
    left = 20 * 60 - sum(expected.values())
    assert dict(budget.seconds) == pytest.approx(
        expected | {"classifier": 0.2 * left, "segmenter": 0.8 * left}
    )
    assert list(budget.seconds) == [
        *("start", "features", "classifier", "segmenter", "saving", "scores", "report"),
    ]
    assert sum(budget.seconds.values()) == pytest.approx(20 * 60)
    # The head's 3 x 3 kernel fits at 8 x 8 places of 320 pixels, and 3 x 3 of 160.
    tag_update = 64 * 0.002 * (8 / 3) ** 2
    mask_update = 8 * (0.01 + 4 * 0.04)
    assert dict(budget.updates) == pytest.approx(
        {"classifier": 0.2 * left / tag_update, "segmenter": 0.8 * left / mask_update}
    )
    least = sum(expected.values()) + 10 * max(tag_update / 0.2, mask_update / 0.8)
    assert budget.least == pytest.approx(least / 60)


def test_where_all_groups_learn_nothing_is_kept_and_the_whole_image_counts() -> None:
    budget = budget_of(SURVEY, minutes=20, side=320, classifier__weights="none")
    assert budget.seconds["features"] == 0
    assert budget.seconds["classifier"] / budget.updates["classifier"] == pytest.approx(
        64 * 0.002 * 4
    )


def test_devices_share_the_updates_and_not_the_rest() -> None:
    one = budget_of(SURVEY, minutes=20, side=160)
    two = budget_of(SURVEY, minutes=20, side=160, compute__devices=2)
    assert two.seconds == one.seconds
    for name in SHARES:
        assert two.updates[name] == pytest.approx(2 * one.updates[name])


def test_statistics_are_estimated_after_the_training() -> None:
    settings = Settings().changed(
        {"segmenter.statistics_batches": 30, "segmenter.images_per_step": 4}
    )
    parts = after_training(settings, NUMBERS, prediction=0.5, label=0.2, saving=4.0)
    assert parts["saving"] == 4 + 30 * 4 * 0.5
    whole = settings.changed({"segmenter.images_per_step": None})
    assert (
        after_training(whole, NUMBERS, prediction=0.5, label=0.2, saving=4)["saving"]
        == 4 + 30 * 8 * 0.5
    )


def test_images_kept_for_calibration_are_seen_after_the_stages() -> None:
    parts = after_training(
        Settings(), replace(NUMBERS, calibrated=30), prediction=0.5, label=0.2, saving=4.0
    )
    assert parts["calibration"] == 30 * 0.5
    assert "calibration" not in after_training(
        Settings(), NUMBERS, prediction=0.5, label=0.2, saving=4.0
    )


def test_labels_are_a_part_of_their_own_unless_stage_3_is_given_minutes() -> None:
    free = Settings().changed({"self_training.enabled": True})
    parts = after_training(free, NUMBERS, prediction=0.5, label=0.2, saving=4.0)
    assert parts["pseudo-masks"] == 900 * 0.2
    given = free.changed({"self_training.minutes": 3})
    assert "pseudo-masks" not in after_training(
        given, NUMBERS, prediction=0.5, label=0.2, saving=4.0
    )
    assert "pseudo-masks" not in after_training(
        Settings(), NUMBERS, prediction=0.5, label=0.2, saving=4.0
    )


@pytest.mark.parametrize(
    ("minutes", "scored", "fits"),
    [
        (20, 70, True),
        (1.5, 70, False),
        # Scores would take more than 40 % of the time.
        (20, 800, False),
    ],
)
def test_a_budget_fits_where_both_stages_make_enough_updates(
    minutes: float, scored: int, fits: bool
) -> None:
    survey = replace(SURVEY, numbers=replace(NUMBERS, scored=scored))
    assert budget_of(survey, minutes=minutes, side=160).fits == fits


def test_each_stage_must_make_half_of_its_usual_updates() -> None:
    slow = replace(SPEED, tags=Piece(0.0, 0.02))
    budget = budget_of(replace(SURVEY, speed=slow), minutes=20, side=160)
    assert budget.updates["classifier"] < 400 / 2  # 30 passes over 900 images
    assert budget.updates["segmenter"] > 500 / 2  # for 48 masks
    assert not budget.fits


def test_too_few_minutes_are_refused_with_the_least_that_would_do() -> None:
    budget = budget_of(SURVEY, minutes=0.5, side=160)
    with pytest.raises(
        SettingsError,
        match=r"^minutes = 0\.5: all but the training takes about (\d\.\d) minutes here, and each "
        r"stage needs time for 10 updates; give at least [\d.]+ minutes, or fewer images to learn "
        r"from or to score$",
    ) as refused:
        budget.check()
    named = re.search(r"at least ([\d.]+) minutes", str(refused.value))
    assert named
    least = float(named[1])
    assert budget.least <= least < budget.least + 0.11
    enough = budget_of(SURVEY, minutes=least, side=160)
    enough.check()
    assert all(updates >= 10 for updates in enough.updates.values())


@pytest.mark.parametrize("given", [{}, {"classifier__minutes": 1}, {"self_training__images": 40}])
def test_the_least_of_three_stages_is_accepted_too(given: dict[str, float]) -> None:
    three = {"self_training__enabled": True, "side": 160, **given}
    with pytest.raises(SettingsError) as refused:
        budget_of(SURVEY, minutes=0.5, **three).check()
    named = re.search(r"at least ([\d.]+) minutes", str(refused.value))
    assert named

    enough = budget_of(SURVEY, minutes=float(named[1]), **three)

    enough.check()
    assert sum(enough.seconds.values()) == pytest.approx(60 * float(named[1]))
    assert all(
        updates >= 10 * len(rounds_of(name, enough.settings))
        for name, updates in enough.updates.items()
    )
    with pytest.raises(SettingsError, match=rf"give at least {named[1]} minutes"):
        budget_of(SURVEY, minutes=float(named[1]) - 0.1, **three).check()


def test_minutes_given_to_a_stage_are_part_of_the_least() -> None:
    free = budget_of(SURVEY, minutes=9, side=160)
    given = budget_of(SURVEY, minutes=9, side=160, segmenter__minutes=5)
    beside = sum(seconds for part, seconds in free.seconds.items() if part not in SHARES)
    # The classifier gets all that the segmenter leaves.
    assert given.least == pytest.approx((beside + 10 * 64 * 0.002) / 60 + 5)
    assert given.seconds["segmenter"] == 300


def test_the_report_predicts_as_many_images_as_time_is_set_aside_for() -> None:
    shown = 2 * picture_parts.BEST_AND_WORST + picture_parts.MAPPED
    assert shown == budgets.REPORT_IMAGES
    assert picture_parts.IMAGES_OF_CLASS == budgets.REPORT_MAPS_A_CLASS
    assert picture_parts.IMAGES_OF_CLASS == 2 * activation_figure.COLUMNS
