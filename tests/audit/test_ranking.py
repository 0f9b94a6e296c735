"""The list: what counts, in which order, and that a memorised tag does not hide its fault."""

from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.record import Record
from decouplednet.audit.evidence import NOT_SHOWN, SHOWN, UNKNOWN, Evidence
from decouplednet.audit.ranking import (
    FEWEST_IMAGES,
    LEAST,
    MASK_LACKS,
    MASK_SHOWS,
    Parts,
    judge,
    suspicions,
)
from tests.audit.test_features import table_of

FAULTS = ((3, 0), (8, 0), (20, 1), (33, 1))
"""Places of images and classes whose tags are turned over."""


def faulty(images: int = 120, seed: int = 0) -> Evidence:
    """Return evidence of a model that has learnt all tags by heart, faults among them."""
    rng = np.random.default_rng(seed)
    there = rng.random((images, 2)) < 0.4
    rows = np.concatenate(
        [there + rng.normal(0, 0.12, there.shape), rng.normal(size=(images, 3))], 1
    )
    tags = there.copy()
    for place in FAULTS:
        tags[place] = ~tags[place]
    return Evidence(
        classes=("cat", "dog"),
        records=tuple(Record(f"{n:03}", Path(f"{n:03}.jpg"), None, None) for n in range(images)),
        tags=tags,
        drawn=np.full(tags.shape, UNKNOWN, np.int8),
        learnt=np.ones(images, bool),
        probability=np.where(tags, 0.97, 0.03) + rng.uniform(-0.02, 0.02, tags.shape),
        features=table_of(rows, at_once=50),
    )


def changed(evidence: Evidence, **values: object) -> Evidence:
    fields = {name: getattr(evidence, name) for name in Evidence.__slots__}
    return Evidence(**fields | values)


def test_faults_lead_the_list_though_the_model_has_learnt_them_by_heart() -> None:
    judged = judge(faulty())

    assert {(one.image, one.label) for one in judged.found[:4]} == set(FAULTS)
    assert judged.unjudged == ()
    order = [one.suspicion for one in judged.found]
    assert order == sorted(order, reverse=True)
    assert min(order) >= LEAST
    suspicion, probability = suspicions(faulty())
    assert len(order) == (suspicion >= LEAST).sum()
    for one in judged.found:
        assert one.suspicion == suspicion[one.image, one.label]
        assert one.probability == probability[one.image, one.label]


def test_the_model_alone_finds_none_of_them() -> None:
    suspicion, _ = suspicions(faulty(), Parts(features=False, other_tags=False))

    assert max(suspicion[place] for place in FAULTS) < LEAST


def test_a_model_that_has_not_seen_the_tags_counts_by_what_it_says() -> None:
    evidence = faulty()
    right = evidence.tags.copy()
    for place in FAULTS:
        right[place] = ~right[place]
    unseen = changed(evidence, learnt=np.zeros(120, bool))

    agreeing, disagreeing = (
        suspicions(changed(unseen, probability=np.where(said, 0.997, 0.003)))[0]
        for said in (evidence.tags, right)
    )

    for place in FAULTS:
        assert disagreeing[place] > 2 * agreeing[place]


def test_of_a_model_that_has_seen_the_tags_only_the_order_within_a_tag_counts() -> None:
    evidence = faulty()
    odds = np.log(evidence.probability / (1 - evidence.probability))
    milder = np.where(evidence.tags, odds / 3 + 0.2, odds / 2 - 1)

    said, other = (
        suspicions(changed(evidence, probability=each))[0]
        for each in (evidence.probability, 1 / (1 + np.exp(-milder)))
    )

    np.testing.assert_allclose(said, other, rtol=1e-6)


@pytest.mark.parametrize("part", ["features", "own", "other_tags"])
def test_each_part_counts(part: str) -> None:
    every, _ = suspicions(faulty())
    fewer, _ = suspicions(faulty(), Parts(**{part: False}))

    assert np.abs(every - fewer).max() > 1e-3


def test_a_mask_decides_where_there_is_one() -> None:
    evidence = faulty()
    drawn = evidence.drawn.copy()
    tagged = np.flatnonzero(evidence.tags[:, 0])[:2]
    bare = np.flatnonzero(~evidence.tags[:, 0])[:2]
    drawn[[tagged[0], bare[0]], 0] = SHOWN
    drawn[[tagged[1], bare[1]], 0] = NOT_SHOWN

    suspicion, _ = suspicions(changed(evidence, drawn=drawn))

    assert suspicion[[tagged[0], bare[1]], 0].tolist() == [0, 0]
    assert suspicion[bare[0], 0] == MASK_SHOWS
    assert suspicion[tagged[1], 0] == MASK_LACKS


def test_what_masks_show_corrects_the_tags_that_others_are_judged_by() -> None:
    evidence = faulty()
    drawn = evidence.drawn.copy()
    for place in FAULTS[1:]:
        drawn[place] = NOT_SHOWN if evidence.tags[place] else SHOWN

    suspicion, _ = suspicions(changed(evidence, drawn=drawn))

    assert suspicion[FAULTS[0]] != suspicions(evidence)[0][FAULTS[0]]


def test_a_class_of_few_images_is_judged_by_the_model_alone() -> None:
    evidence = faulty()
    rare = evidence.tags.copy()
    rare[:, 1] = False
    rare[: FEWEST_IMAGES - 1, 1] = True
    probability = evidence.probability.copy()
    probability[:, 1] = np.where(rare[:, 1], 0.9, 0.1)
    probability[60, 1] = 0.999

    judged = judge(changed(evidence, tags=rare, probability=probability))

    assert judged.unjudged == ("dog",)
    of_dog = [one.image for one in judged.found if one.label == 1]
    assert of_dog[0] == 60


@pytest.mark.parametrize("images", [1, 2, 3])
def test_few_images_are_judged_by_the_model_alone(images: int) -> None:
    evidence = faulty()
    few = Evidence(
        classes=evidence.classes,
        records=evidence.records[:images],
        tags=evidence.tags[:images],
        drawn=evidence.drawn[:images],
        learnt=evidence.learnt[:images],
        probability=evidence.probability[:images],
        features=table_of(np.ones((images, 3))),
    )

    judged = judge(few)

    assert judged.unjudged == ("cat", "dog")
    assert all(0 <= one.suspicion <= 1 for one in judged.found)
