import pytest

from decouplednet.comparison.guard import Guard, watch
from tests.comparison.fakes import a_cell, scores_of

TAGS = [frozenset({"cat"}), None, frozenset({"cat", "dog", "tree"}), frozenset[str]()]
CLASSES = ("cat", "cow", "dog", "horse")


def guard(*pairs: tuple[int, int, float, float]) -> Guard:
    cells = [
        a_cell(method, masks, seed, miou)
        for masks, seed, with_tags, without in pairs
        for method, miou in (("decouplednet", with_tags), ("masks-only", without))
    ]
    return watch(TAGS, CLASSES, cells)


def test_tags_are_as_informative_as_they_name_few_of_the_classes() -> None:
    got = guard()

    assert (got.present, got.classes, got.share) == (1.0, 4, 0.25)  # 1, 2 and 0; a tree is no class
    assert got.sentences() == (
        "the tags of an image name 1.00 of 4 classes on average (0.25): they rule out most of the "
        "classes, which is what they are worth",
    )
    crowded = watch([frozenset(CLASSES[:2])], CLASSES, [])
    assert crowded.sentences() == (
        "the tags of an image name 2.00 of 4 classes on average (0.50): they rule out few of the "
        "classes, so expect little of them",
    )


def test_tags_that_pay_are_told_with_their_gain_and_without_a_warning() -> None:
    got = guard((5, 0, 0.6, 0.3), (5, 1, 0.5, 0.4), (10, 1, 0.7, 0.6))

    assert got.warnings == ()
    assert got.sentences()[1:] == (
        "5 masks a class: 0.550 with tags + masks, 0.350 with masks only, +0.200 (2 seeds)",
        "10 masks a class: 0.700 with tags + masks, 0.600 with masks only, +0.100 (1 seed), "
        "which may be luck",
    )


def test_tags_that_do_not_pay_are_warned_of_at_their_number_of_masks() -> None:
    got = guard((1, 0, 0.5, 0.5), (5, 0, 0.6, 0.3), (25, 0, 0.50, 0.52), (25, 1, 0.52, 0.54))

    assert got.warnings == (
        "tags + masks is not better than masks only at 1 mask a class on this data (0.500 against "
        "0.500, 1 seed): train on the masked images alone, or tag more images",
        "tags + masks is not better than masks only at 25 masks a class on this data (0.510 "
        "against 0.530, 2 seeds): train on the masked images alone, or tag more images",
    )


def test_a_gain_below_its_own_spread_is_said_to_be_small() -> None:
    got = guard((5, 0, 0.60, 0.50), (5, 1, 0.50, 0.54))

    assert got.warnings == ()
    assert got.sentences()[1].endswith(
        "+0.030 (2 seeds), less than the gain varies from seed to seed (0.099)"
    )  # gains 0.10 and -0.04: 0.14 / sqrt(2)


def test_only_seeds_that_both_have_are_set_side_by_side() -> None:
    cells = [
        a_cell("decouplednet", 5, 0, 0.9),
        a_cell("decouplednet", 5, 1, 0.4),
        a_cell("masks-only", 5, 1, 0.3),
        a_cell("masks-only", 5, 2, 0.8),
        a_cell("decouplednet", 10, 0, 0.9),
        a_cell("one-network", 10, 0, 0.1),
        a_cell("decouplednet", 25, 0, None),
        a_cell("masks-only", 25, 0, 0.5),
    ]
    (gain,) = watch(TAGS, CLASSES, cells).gains

    assert (gain.masks, gain.with_tags, gain.without) == (5, 0.4, 0.3)
    assert gain.gains == pytest.approx((0.1,))


def test_where_no_class_is_found_nothing_is_said_of_the_tags() -> None:
    background = scores_of(0.23, {"background": 0.92, "cat": 0.009, "cow": None})
    cells = [
        a_cell(method, 5, 0, 0.23, predicted_tags=background)
        for method in ("decouplednet", "masks-only")
    ]
    assert watch(TAGS, CLASSES, cells).warnings == (
        "neither with the tags nor without them is any class found at 5 masks a class, which says "
        "nothing of the tags: train longer",
    )
    found = scores_of(0.23, {"background": 0.92, "cat": 0.011, "cow": None})
    cells[1] = a_cell("masks-only", 5, 0, 0.22, predicted_tags=found)
    (warning,) = watch(TAGS, CLASSES, cells).warnings
    assert warning.startswith("tags + masks is not better than masks only")
