"""What is chosen so that a run fits its minutes."""

from dataclasses import replace
from typing import Any

import pytest

from decouplednet.errors import SettingsError
from decouplednet.networks.presets import preset_named
from decouplednet.settings import Settings
from decouplednet.training.budget import Budget
from decouplednet.training.survey import Survey
from decouplednet.training.within_minutes import fit_to_minutes
from tests.training.test_budget import NUMBERS, SPEED, SURVEY


def nothing_kept(side: int, views: int) -> float:
    """Return that all features must be computed."""
    del side, views
    return 1.0


def _fitted(minutes: float, survey: Survey = SURVEY, **values: Any) -> Budget:
    given = {name.replace("__", "."): value for name, value in values.items()}
    settings = Settings().changed({"minutes": minutes, **given})
    return fit_to_minutes(settings, replace(survey, preset=preset_named(settings.preset)))


def _chosen(budget: Budget) -> tuple[int | None, int | None, int]:
    settings = budget.settings
    return settings.side, settings.segmenter.side, settings.classifier.views


def _reasons(budget: Budget) -> dict[str, str]:
    return {choice.name: str(choice) for choice in budget.choices}


def test_more_time_allows_a_larger_frame_up_to_that_of_the_images() -> None:
    sides = [_fitted(minutes).settings.side or 0 for minutes in (4, 8, 15, 30, 60, 1000)]
    assert sides == sorted(sides)
    assert len(set(sides)) > 3
    assert sides[-1] == 480  # the largest multiple of 32 in 500 pixels
    small = replace(SURVEY, numbers=replace(NUMBERS, long_side=300))
    assert _fitted(1000, small).settings.side == 288
    large = replace(SURVEY, numbers=replace(NUMBERS, long_side=4000))
    assert _fitted(1000, large).settings.side == 512


def test_the_frame_is_the_largest_that_leaves_enough_updates() -> None:
    budget = _fitted(15)
    assert budget.fits
    side = budget.settings.side
    assert side is not None
    larger = _fitted(15, side=side + 32, classifier__views=1)
    assert not larger.fits


def test_images_smaller_than_the_smallest_frame_are_enlarged() -> None:
    survey = replace(SURVEY, numbers=replace(NUMBERS, long_side=60))
    assert _fitted(1000, survey).settings.side == 96


@pytest.mark.parametrize(
    ("side", "window"), [(256, 160), (160, 96), (224, 128), (320, 192), (480, 288), (96, 96)]
)
def test_windows_have_five_eighths_of_the_frame(side: int, window: int) -> None:
    assert _fitted(1000, side=side).settings.segmenter.side == window


def test_a_second_view_is_taken_where_there_is_time() -> None:
    assert _fitted(1000).settings.classifier.views == 2
    # 900 images of 0.2 s: two views take more than 40 % of ten minutes, one view does not.
    views = replace(SPEED, view=replace(SPEED.view, compute=0.2), prediction=SPEED.view)
    survey = replace(SURVEY, speed=views, missing=nothing_kept)
    budget = _fitted(11, survey, side=160)
    assert _chosen(budget) == (160, 96, 1)
    assert _reasons(budget)["classifier.views"].endswith("= 1: no time for a second")
    assert _fitted(11, survey, side=160, classifier__views=2).settings.classifier.views == 2


def test_features_in_the_cache_make_room_for_a_larger_frame() -> None:
    slow = replace(SURVEY, missing=nothing_kept)
    kept = replace(SURVEY, missing=lambda side, views: float((side, views) != (416, 2)))
    assert (_fitted(40, slow).settings.side or 0) < 416
    assert _chosen(_fitted(40, kept)) == (416, 256, 2)


def test_where_nothing_fits_the_cheapest_is_taken() -> None:
    budget = _fitted(1)
    assert not budget.fits
    assert _chosen(budget) == (96, 96, 1)
    assert _reasons(budget)["side"] == (
        "side = 96: the smallest of preset light, as the time is short"
    )


def test_the_smallest_frame_is_that_of_the_preset() -> None:
    assert _fitted(1, preset="vgg16").settings.side == 224
    assert _fitted(1, preset="tiny").settings.side == 32


def test_what_was_given_is_kept() -> None:
    given: dict[str, Any] = {
        "side": 224,
        "segmenter__side": 192,
        "classifier__views": 3,
        "classifier__updates": 77,
        "segmenter__updates": 88,
        "classifier__images_per_update": 32,
    }
    budget = _fitted(30, **given)
    settings = budget.settings
    for name, value in given.items():
        section, _, key = name.rpartition("__")
        assert getattr(getattr(settings, section) if section else settings, key) == value
    assert not {name.replace("__", ".") for name in given} & set(_reasons(budget))


def test_schedules_are_as_long_as_the_time_allows() -> None:
    budget = _fitted(30)
    for name, updates in budget.updates.items():
        stage = getattr(budget.settings, name)
        assert stage.updates == round(updates)
        assert stage.minutes is None, "the clock decides when the stage begins"


def test_a_time_without_an_update_of_a_stage_is_refused_as_too_short() -> None:
    budget = _fitted(0.5, self_training__enabled=True)
    assert budget.settings.self_training.updates == 1
    with pytest.raises(SettingsError, match=r"^minutes = 0\.5: .* give at least [\d.]+ minutes"):
        budget.check()


def test_every_choice_has_its_reason() -> None:
    reasons = _reasons(_fitted(30))
    assert reasons["side"].endswith(
        ": the largest up to the images' usual 500 that the time allows"
    )
    assert reasons["segmenter.side"].endswith(
        ": about 5/8 of the frame, as windows magnify what is asked for"
    )
    assert reasons["classifier.views"] == "classifier.views = 2: two views of each image"
    assert reasons["segmenter.updates"].endswith(": about as many as the time allows")
    assert reasons["classifier.weights"].endswith("= imagenet: the usual start of preset light")
    assert len(reasons) == len(_fitted(30).choices)


def test_views_are_no_choice_where_every_group_learns() -> None:
    assert "classifier.views" not in _reasons(_fitted(30, preset="tiny"))
