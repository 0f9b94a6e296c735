import re
from typing import get_args

import pytest

from decouplednet.cli import compare as compare_command
from decouplednet.comparison.cell import METHOD_NAME
from decouplednet.comparison.guard import WITH_TAGS, WITHOUT_TAGS
from decouplednet.comparison.methods import METHODS, choose_methods
from decouplednet.errors import UsageError
from decouplednet.settings import Settings


def test_all_methods_are_chosen_unless_some_are_named() -> None:
    assert choose_methods(None) == METHODS
    assert choose_methods([]) == ()
    assert [one.name for one in choose_methods(["masks-only", "decouplednet"])] == [
        "masks-only",
        "decouplednet",
    ]
    with pytest.raises(UsageError, match=r"--methods: masks-only, masks-only: expected different"):
        choose_methods(["masks-only", "masks-only"])


def test_the_help_names_every_method() -> None:
    _, told = get_args(compare_command.Methods)
    assert f"by default: {', '.join(method.name for method in METHODS)}. " in told.help


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mask-only", "there is no method 'mask-only'; did you mean masks-only?"),
        ("zzz", "there is no method 'zzz'; the methods are decouplednet, improved, masks-only, "),
    ],
)
def test_an_unknown_method_is_refused_with_the_nearest_one(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--methods: {hint}")):
        choose_methods(["decouplednet", name])


def test_names_are_different_and_fit_for_files_and_each_method_says_what_was_tuned() -> None:
    names = [method.name for method in METHODS]

    assert len(set(names)) == len(names)
    assert {WITH_TAGS, WITHOUT_TAGS} <= set(names)
    for method in METHODS:
        assert METHOD_NAME.fullmatch(method.name)
        assert method.title
        assert method.tuning


def test_no_method_changes_what_all_have_in_common() -> None:
    common = Settings.read(
        None,
        ["side=224", "seed=5", "data.validation_split=val", "classifier.weights=w"],
    )
    for method in METHODS:
        its = method.settings(common)
        assert (its.side, its.seed) == (224, 5)
        assert its.data.validation_split == "val"
        assert its.classifier.weights == "w"


@pytest.mark.parametrize(
    "changes",
    [
        ("preset=skip", "side=240", "segmenter.side=144"),
        ("classifier.pooling=log-sum-exp", "classifier.pooling_sharpness=2"),
        ("classifier.pooling=top-k", "classifier.pooling_top_share=0.5"),
        ("preset=modern", "backbone=some/backbone", "side=210"),
        ("data.calibration_share=0.1", "prediction.threshold_choice=calibrated"),
    ],
)
def test_every_method_takes_whatever_a_run_may_be_given(changes: tuple[str, ...]) -> None:
    common = Settings.read(None, changes)
    for method in METHODS:
        assert method.settings(common)
