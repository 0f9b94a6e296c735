import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.mask_budgets import classes_in_masks, draw_masks
from decouplednet.errors import DataError
from tests.annotations.folders import native

CLASSES = ("cat", "cow", "dog")


def some_masks(seed: int, images: int = 60) -> dict[str, frozenset[str]]:
    """Return masks of which each holds every class with a probability of its own."""
    rng = np.random.default_rng(seed)
    shares = (0.5, 0.2, 0.35)
    return {
        f"image_{number:02d}": frozenset(
            name for name, share in zip(CLASSES, shares, strict=True) if rng.random() < share
        )
        for number in range(images)
    }


@pytest.mark.parametrize("seed", range(7))
def test_each_class_has_at_least_the_masks_asked_for_and_none_is_there_for_nothing(
    seed: int,
) -> None:
    present = some_masks(seed)
    drawn = draw_masks(present, CLASSES, 5, seed)

    counts = {each: sum(each in present[name] for name in drawn) for each in CLASSES}
    assert min(counts.values()) >= 5
    assert all(present[name] for name in drawn)
    assert len(drawn) <= 5 * len(CLASSES)
    assert list(drawn) == sorted(set(drawn))


@pytest.mark.parametrize("seed", range(7))
def test_the_list_of_fewer_masks_is_part_of_that_of_more(seed: int) -> None:
    present = some_masks(seed)
    lists = [set(draw_masks(present, CLASSES, budget, seed)) for budget in (1, 2, 3, 5)]

    for smaller, larger in pairwise(lists):
        assert smaller < larger


def test_the_draw_follows_the_seed_and_not_the_order_of_the_images() -> None:
    present = some_masks(0)
    turned = dict(reversed(present.items()))

    assert draw_masks(present, CLASSES, 3, 5) == draw_masks(turned, CLASSES, 3, 5)
    assert len({draw_masks(present, CLASSES, 3, seed) for seed in range(9)}) > 5


def test_a_class_that_does_not_count_draws_nothing() -> None:
    present = {"a": frozenset({"cat"}), "b": frozenset({"dog"}), "c": frozenset({"cat", "dog"})}

    assert draw_masks(present, ["cat"], 2, 0) == ("a", "c")


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (2, "2 masks a class: only 1 mask that may be learnt from shows cat; draw more, or ask"),
        (1, "1 mask a class: only 0 masks that may be learnt from show cow; draw more, or ask"),
    ],
)
def test_too_few_masks_of_a_class_are_named(budget: int, told: str) -> None:
    present = {"a": frozenset({"cat", "dog"}), "b": frozenset({"dog"})}

    with pytest.raises(DataError, match=re.escape(told)):
        draw_masks(present, CLASSES, budget, 0)


def test_the_classes_are_read_from_the_masks_and_not_from_the_tags(tmp_path: Path) -> None:
    root = native(tmp_path, tags={"a": "cat;dog"}, masks={"a": (0, 2, 255), "b": (1, 2), "c": (0,)})
    catalogue = Catalogue.read(root)

    assert classes_in_masks(catalogue, catalogue.records) == {
        "a": frozenset({"dog"}),
        "b": frozenset({"cat", "dog"}),
        "c": frozenset(),
    }
