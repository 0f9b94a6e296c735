"""From where on a network's labels are believed, chosen on held-out masks."""

from collections.abc import Mapping

import numpy as np
import pytest

from decouplednet.annotations.images import read_image
from decouplednet.classes import IGNORE, ClassList
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.training.plan import Plan
from decouplednet.training.pseudo_masks import (
    CERTAINTIES,
    HIGHEST_DOUBT,
    LOWEST_DOUBT,
    choose_belief,
)


def test_the_certainty_is_the_first_that_is_right_often_enough(
    planned: tuple[Plan, Predictor],
) -> None:
    plan, predictor = planned
    masked = plan.roles.masks
    shares = []
    for certain in CERTAINTIES:
        right = kept = 0
        for record in masked:
            truth = plan.catalogue.mask_of(record)
            names = {tuple(plan.catalogue.classes)[i - 1] for i in np.unique(truth) if 0 < i < 255}
            told = predictor.predict([read_image(record.image)], [names])[0]
            for label, true, sure in zip(
                told.label_map.ravel(), truth.ravel(), told.certainty().ravel(), strict=True
            ):
                if true != IGNORE and sure >= certain:
                    kept += 1
                    right += int(label == true)
        shares.append(right / kept if kept else 0.0)
    wanted = sorted(shares)[len(shares) // 2]

    chosen = choose_belief(
        predictor, plan.catalogue, masked, masked=plan.classes, wanted=wanted, undenied=0.9
    )

    place = next(i for i, share in enumerate(shares) if share >= wanted)
    assert chosen.certainty == CERTAINTIES[place]
    assert chosen.right == pytest.approx(shares[place])
    assert 0 < chosen.believed <= 1


def test_the_highest_certainty_is_taken_where_none_is_right_often_enough(
    planned: tuple[Plan, Predictor],
) -> None:
    plan, predictor = planned

    chosen = choose_belief(
        predictor, plan.catalogue, plan.roles.masks, masked=plan.classes, wanted=1.0, undenied=0.9
    )

    assert chosen.certainty == CERTAINTIES[-1]


def test_so_many_of_its_own_pixels_reach_the_doubt_of_a_class(
    planned: tuple[Plan, Predictor],
) -> None:
    plan, predictor = planned
    names = tuple(plan.catalogue.classes)
    own: dict[str, list[float]] = {name: [] for name in plan.classes}
    for record in plan.roles.masks:
        truth = plan.catalogue.mask_of(record)
        there = {names[i - 1] for i in np.unique(truth) if 0 < i < IGNORE}
        told = predictor.predict([read_image(record.image)], [there])[0]
        for name, class_map in told.class_maps.items():
            own[name] += class_map[truth == plan.catalogue.classes.index(name)].tolist()

    chosen = choose_belief(
        predictor,
        plan.catalogue,
        plan.roles.masks,
        masked=plan.classes,
        wanted=0.5,
        undenied=0.7,
    )

    assert set(chosen.doubt) == set(plan.classes)
    for name, values in own.items():
        doubt = chosen.doubt[name]
        if doubt > LOWEST_DOUBT:
            assert np.mean([value >= doubt - 1e-6 for value in values]) >= 0.7
        if doubt < HIGHEST_DOUBT:
            assert np.mean([value >= doubt + 0.01 for value in values]) < 0.7


def _let_all_maps_be(values: Mapping[str, float], patch: pytest.MonkeyPatch) -> None:
    """Let a predictor give each class that it is told the same value everywhere."""

    def predict(
        predictor: Predictor, images: list[np.ndarray], tags: list[frozenset[str]]
    ) -> list[Prediction]:
        return [
            Prediction(
                label_map=np.zeros(image.shape[:2], np.uint8),
                class_maps={
                    name: np.full(image.shape[:2], values[name], np.float32)
                    for name in predictor.classes
                    if name in values and name in told
                },
                scores=dict.fromkeys(predictor.classes, 0.5),
                identified=(),
            )
            for image, told in zip(images, tags, strict=True)
        ]

    patch.setattr(Predictor, "predict", predict)


def _doubt(plan: Plan, predictor: Predictor, masked: ClassList) -> Mapping[str, float]:
    return choose_belief(
        predictor, plan.catalogue, plan.roles.masks, masked=masked, wanted=0.5, undenied=0.9
    ).doubt


@pytest.mark.parametrize(
    ("value", "doubt"), [(0.003, LOWEST_DOUBT), (0.255, 0.25), (0.8, HIGHEST_DOUBT)]
)
def test_a_doubt_stays_within_its_bounds(
    value: float, doubt: float, planned: tuple[Plan, Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, predictor = planned
    _let_all_maps_be(dict.fromkeys(plan.classes, value), monkeypatch)

    assert set(_doubt(plan, predictor, plan.classes).values()) == {doubt}


def test_a_class_without_held_out_pixels_has_the_median_doubt_of_the_others(
    planned: tuple[Plan, Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, predictor = planned
    one, other, unseen = plan.classes
    _let_all_maps_be({one: 0.155, other: 0.355, unseen: 0.455}, monkeypatch)

    doubt = _doubt(plan, predictor, ClassList((one, other)))

    assert dict(doubt) == pytest.approx({one: 0.15, other: 0.35, unseen: 0.25})


def test_without_any_held_out_pixel_each_class_has_the_highest_doubt(
    planned: tuple[Plan, Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, predictor = planned
    _let_all_maps_be({}, monkeypatch)

    assert set(_doubt(plan, predictor, plan.classes).values()) == {HIGHEST_DOUBT}
