import re

import pytest

from decouplednet.errors import SettingsError
from decouplednet.prelabel.disagreements import (
    DOUBT_BELOW,
    SUGGEST_ABOVE,
    Disagreement,
    Veto,
    disagreements,
)

PROBABILITY = {"cat": 0.97, "cow": 0.6, "dog": 0.01, "ant": 0.2}
IDENTIFIED = frozenset({"cat", "cow"})


@pytest.mark.parametrize(
    ("veto", "tags", "expected"),
    [
        (Veto(), {"dog"}, {"dog", "cat"}),
        (Veto(hard=True), {"dog"}, {"dog"}),
        (Veto(suggest_above=0.6), {"dog"}, {"dog", "cat", "cow"}),
        (Veto(suggest_above=0.1), {"dog"}, {"dog", "cat", "cow"}),
        (Veto(suggest_above=1), {"dog"}, {"dog"}),
        (Veto(), set(), {"cat"}),
        (Veto(hard=True), set(), set()),
        (Veto(), {"cow", "zebra"}, {"cow", "cat"}),
        (Veto(), None, {"cat", "cow"}),
        (Veto(hard=True), None, {"cat", "cow"}),
    ],
)
def test_a_class_that_nobody_tagged_is_looked_for_only_if_the_model_is_very_sure(
    veto: Veto, tags: set[str] | None, expected: set[str]
) -> None:
    assert veto.looked_for(tags, IDENTIFIED, PROBABILITY) == expected


def test_only_classes_that_both_know_are_looked_for() -> None:
    assert Veto().looked_for(None, {"cat", "bee"}, {"cat": 0.9}) == {"cat"}
    assert Veto(suggest_above=0).looked_for({"bee"}, {"cat", "bee"}, {"cat": 0.9}) == {"cat"}


def test_each_kind_of_disagreement_by_hand() -> None:
    found = disagreements(
        ("dog", "zebra", "ant"),
        IDENTIFIED,
        {"dog", "ant", "cat"},
        PROBABILITY,
        {"cat": 0.25, "dog": 0.5, "ant": 0.0},
    )

    assert [*found] == [
        Disagreement("dog", "doubted", 0.01, 0.5),  # improbable
        Disagreement("zebra", "unknown", None, 0.0),
        Disagreement("ant", "doubted", 0.2, 0.0),  # no pixel
        Disagreement("cat", "suggested", 0.97, 0.25),
        Disagreement("cow", "vetoed", 0.6, 0.0),
    ]


def test_tags_that_the_model_finds_too_are_no_disagreement() -> None:
    share = {"cat": 0.1, "cow": 0.2}

    assert [*disagreements(("cat", "cow"), IDENTIFIED, IDENTIFIED, PROBABILITY, share)] == []


def test_without_tags_nothing_can_disagree() -> None:
    assert [*disagreements(None, IDENTIFIED, IDENTIFIED, PROBABILITY, {})] == []


@pytest.mark.parametrize(("probability", "doubted"), [(0.0499, True), (0.05, False)])
def test_a_tag_is_doubted_under_a_probability(probability: float, doubted: bool) -> None:
    found = [*disagreements(("cat",), (), {"cat"}, {"cat": probability}, {"cat": 0.5})]

    assert bool(found) is doubted
    assert pytest.approx(1 - SUGGEST_ABOVE) == DOUBT_BELOW


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(value: float) -> None:
    message = f"suggest_above = {value!r}: a probability lies in 0 to 1"
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        Veto(suggest_above=value)
