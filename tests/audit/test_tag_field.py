"""The field of tags against another optimiser and against an enumeration of sets of tags."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from decouplednet.audit.tag_field import (
    FAULTY,
    PENALTY,
    ROWS_AT_ONCE,
    TagField,
    fault_probability,
    fit_tag_field,
)


def drawn(images: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    seen = rng.normal(0, 2, (images, classes))
    return seen, rng.random(seen.shape) < 1 / (1 + np.exp(1 - seen))


def a_field(classes: int, seed: int) -> TagField:
    rng = np.random.default_rng(seed)
    half = np.triu(rng.normal(0, 2, (classes, classes)), 1)
    return TagField(rng.uniform(0.5, 1.5, classes), rng.normal(-1, 1, classes), half + half.T)


def read_loss(weights: np.ndarray, seen: np.ndarray, tags: np.ndarray) -> float:
    """Return what is made least, image by image and class by class."""
    count = seen.shape[1]
    own, base, pair = weights[:count], weights[count : 2 * count], weights[2 * count :]
    of_pair = dict(zip(itertools.combinations(range(count), 2), pair, strict=True))
    loss = PENALTY / 2 * (sum(own**2) + sum(pair**2))
    for values, given in zip(seen, tags, strict=True):
        for one in range(count):
            odds = own[one] * values[one] + base[one]
            for other in range(count):
                if other != one and given[other]:
                    odds += of_pair[min(one, other), max(one, other)]
            loss += math.log1p(math.exp(-odds if given[one] else odds))
    return float(loss)


def test_the_field_is_where_another_optimiser_ends() -> None:
    seen, tags = drawn(31, 3, seed=0)

    field = fit_tag_field(seen, tags)

    found = minimize(read_loss, np.zeros(9), args=(seen, tags), method="BFGS").x
    assert field.own == pytest.approx(found[:3], abs=2e-3)
    assert field.base == pytest.approx(found[3:6], abs=2e-3)
    upper = field.pairs[np.triu_indices(3, 1)]
    assert upper == pytest.approx(found[6:], abs=2e-3)
    assert np.array_equal(field.pairs, field.pairs.T)
    assert (np.diagonal(field.pairs) == 0).all()


def test_without_pairs_each_class_is_fitted_alone() -> None:
    seen, tags = drawn(40, 3, seed=1)

    field = fit_tag_field(seen, tags, paired=False)

    assert (field.pairs == 0).all()
    for label in range(3):
        alone = fit_tag_field(seen[:, [label]], tags[:, [label]])
        assert field.own[label] == pytest.approx(alone.own[0], abs=1e-4)
        assert field.base[label] == pytest.approx(alone.base[0], abs=1e-4)


def energy(field: TagField, seen: np.ndarray, tags: tuple[bool, ...]) -> float:
    """Return the log of how probable a set of tags is, but for a constant."""
    total = sum(field.own[k] * seen[k] + field.base[k] for k in range(len(tags)) if tags[k])
    for one, other in itertools.combinations(range(len(tags)), 2):
        if tags[one] and tags[other]:
            total += field.pairs[one, other]
    return float(total)


def read_faults(field: TagField, seen: np.ndarray, given: tuple[bool, ...]) -> list[float]:
    """Return the probability of each fault over all sets of tags that there are."""
    count = len(given)
    weight = {}
    for true in itertools.product((False, True), repeat=count):
        more = [k for k in range(count) if given[k] and not true[k]]
        less = [k for k in range(count) if true[k] and not given[k]]
        there, absent = sum(true), count - sum(true)
        chance = {
            (0, 0): 1 - FAULTY,
            (0, 1): FAULTY / 3 / there if there else 0.0,
            (1, 0): FAULTY / 3 / absent if absent else 0.0,
            (1, 1): FAULTY / 3 / (there * absent) if there * absent else 0.0,
        }.get((len(more), len(less)), 0.0)
        weight[true] = chance * math.exp(energy(field, seen, true))
    total = sum(weight.values())
    return [
        sum(each for true, each in weight.items() if true[k] != given[k]) / total
        for k in range(count)
    ]


def test_the_probability_of_a_fault_is_that_of_an_enumeration_of_all_sets() -> None:
    classes = 4
    field = a_field(classes, seed=2)
    seen, _ = drawn(16, classes, seed=3)
    tags = np.array(list(itertools.product((False, True), repeat=classes)))

    found = fault_probability(field, seen, tags)

    for row in range(16):
        expected = read_faults(field, seen[row], tuple(tags[row].tolist()))
        assert found[row].tolist() == pytest.approx(expected, rel=1e-9)


def test_without_swaps_a_tag_in_place_of_another_is_no_fault() -> None:
    field = a_field(3, seed=4)
    seen = np.array([[5.0, -5.0, 0.0]])
    tags = np.array([[False, True, False]])

    with_swaps, without = (
        fault_probability(field, seen, tags, swaps=swaps) for swaps in (True, False)
    )

    assert (with_swaps[0, :2] > without[0, :2]).all()


def test_a_single_class_has_no_pairs_and_no_swaps() -> None:
    seen, tags = drawn(25, 1, seed=5)

    field = fit_tag_field(seen, tags)
    faults = fault_probability(field, seen, tags)

    assert field.pairs.tolist() == [[0.0]]
    for row in range(25):
        expected = read_faults(field, seen[row], (bool(tags[row, 0]),))
        assert faults[row].tolist() == pytest.approx(expected)


def test_many_images_are_judged_as_few_are() -> None:
    field = a_field(3, seed=6)
    seen, tags = drawn(ROWS_AT_ONCE + 7, 3, seed=7)

    together = fault_probability(field, seen, tags)

    last = fault_probability(field, seen[-7:], tags[-7:])
    assert np.array_equal(together[-7:], last)
    assert together.shape == seen.shape


def test_extreme_evidence_gives_no_number_that_is_none() -> None:
    field = a_field(3, seed=8)
    seen = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])

    faults = fault_probability(field, seen, np.array([[False, True, False], [True, False, True]]))

    assert np.isfinite(faults).all()
    assert ((faults >= 0) & (faults <= 1)).all()
    assert faults[0, :2].tolist() == pytest.approx([1, 1])


def test_a_tag_that_always_goes_with_another_is_missed_where_it_is_not_there() -> None:
    rng = np.random.default_rng(9)
    horse = rng.random(400) < 0.5
    tags = np.stack([horse, horse, rng.random(400) < 0.3], axis=1)
    place = int(np.flatnonzero(horse)[0])
    tags[place, 1] = False  # the rider was forgotten
    seen = np.zeros(tags.shape)

    faults = fault_probability(fit_tag_field(seen, tags), seen, tags)

    assert faults.argmax(axis=None) // 3 == place
    assert faults[place, 1] > 0.3
    alone = fit_tag_field(seen, tags, paired=False)
    assert fault_probability(alone, seen, tags)[place, 1] < 0.1
