from typing import Any

import pytest

from decouplednet.classes import ClassList
from decouplednet.serve.labelling import read_labelling_config
from decouplednet.serve.labels import match_labels
from decouplednet.serve.people import PeoplesTags, peoples_tags
from decouplednet.serve.protocol import Task
from tests.serve.conftest import CONFIG

CHOICES = match_labels(read_labelling_config(CONFIG), ClassList(("cat", "cow", "dog"))).choices


def chosen(*names: str, of: str = "tags") -> dict[str, Any]:
    value = {"choices": list(names)}
    return {"type": "choices", "from_name": of, "to_name": "image", "value": value}


def tags(context: Any = None, **task: Any) -> PeoplesTags | None:
    return peoples_tags(Task.model_validate({"data": {}, **task}), context, CHOICES)


def test_a_task_without_choices_leaves_the_gate_to_the_model() -> None:
    brush = {"type": "brushlabels", "from_name": "masks", "value": {"brushlabels": ["cat"]}}

    assert tags() is None
    assert tags(annotations=[{"result": [brush]}], drafts=[{"result": []}]) is None


@pytest.mark.parametrize("kind", ["annotations", "drafts"])
def test_choices_of_an_annotation_or_a_draft_are_tags(kind: str) -> None:
    found = tags(**{kind: [{"result": [chosen("cat", "dog")]}]})

    assert found == PeoplesTags(frozenset({"cat", "dog"}), ())


def test_what_is_just_sent_comes_first_then_drafts_then_annotations() -> None:
    made = {
        "annotations": [{"result": [chosen("cat")]}],
        "drafts": [{"result": [chosen("cow")]}],
    }
    context = {"result": [chosen("dog")]}

    assert tags(context, **made) == PeoplesTags(frozenset({"dog"}), ())
    assert tags({"result": []}, **made) == PeoplesTags(frozenset({"cow"}), ())
    assert tags(annotations=made["annotations"]) == PeoplesTags(frozenset({"cat"}), ())


def test_the_latest_that_holds_choices_counts() -> None:
    early = {"result": [chosen("cat")], "updated_at": "2026-11-02T10:00:00Z"}
    late = {"result": [chosen("cow")], "created_at": "2026-11-03T10:00:00Z"}
    last = {"result": [], "updated_at": "2026-11-04T10:00:00Z"}

    assert tags(annotations=[late, early, last]) == PeoplesTags(frozenset({"cow"}), ())
    assert tags(annotations=[last, early, late]) == PeoplesTags(frozenset({"cow"}), ())


def test_what_somebody_skipped_does_not_count() -> None:
    assert tags(annotations=[{"result": [chosen("cat")], "was_cancelled": True}]) is None


def test_choices_that_are_no_class_are_told_apart() -> None:
    found = tags(annotations=[{"result": [chosen("cat", "zebra", "zebra")]}])

    assert found == PeoplesTags(frozenset({"cat"}), ("zebra",))


def test_a_choice_that_is_no_class_alone_means_none_of_them() -> None:
    assert tags(drafts=[{"result": [chosen("none")]}]) == PeoplesTags(frozenset(), ("none",))


def test_choices_of_other_control_tags_do_not_count() -> None:
    assert tags(annotations=[{"result": [chosen("cat", of="quality")]}]) is None


def test_an_alias_and_its_value_are_the_same_choice() -> None:
    config = read_labelling_config(
        CONFIG.replace('<Choice value="cat"/>', '<Choice value="cat" alias="c1"/>')
    )
    choices = match_labels(config, ClassList(("cat", "cow", "dog"))).choices

    for name in ("c1", "cat"):
        task = Task.model_validate({"data": {}, "drafts": [{"result": [chosen(name)]}]})
        assert peoples_tags(task, None, choices) == PeoplesTags(frozenset({"cat"}), ())


@pytest.mark.parametrize(
    "result",
    [
        ["text"],
        [{"from_name": "tags"}],
        [{"from_name": "tags", "value": []}],
        [{"from_name": "tags", "value": {"choices": "cat"}}],
        [{"from_name": "tags", "value": {"choices": [3]}}],
    ],
)
def test_results_that_hold_no_choice_are_passed_over(result: list[Any]) -> None:
    assert tags({"result": result}) is None
    assert tags({"result": "none"}) is None


def test_drafts_that_are_told_by_their_numbers_alone_are_passed_over() -> None:
    assert tags(drafts=[3, 4]) is None
    assert tags(drafts=[3, {"result": [chosen("cat")]}]) == PeoplesTags(frozenset({"cat"}), ())
