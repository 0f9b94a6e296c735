import pytest

from decouplednet.comparison.budget import of_each_cell, stated
from decouplednet.errors import SettingsError
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
    with pytest.raises(SettingsError, match=r"minutes = -2\.0: expected a number above 0"):
        of_each_cell(given("minutes=10", "classifier.minutes=12"))


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
