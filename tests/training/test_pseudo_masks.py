"""What is believed of a network's labels, and what is written of them."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from decouplednet.annotations.masks import read_mask
from decouplednet.annotations.record import Record
from decouplednet.classes import IGNORE, ClassList
from decouplednet.inference.batches import batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.training import pseudo_masks
from decouplednet.training.plan import Plan
from decouplednet.training.pseudo_masks import (
    CERTAINTIES,
    HIGHEST_DOUBT,
    LOWEST_DOUBT,
    Belief,
    certainty,
    choose_belief,
    pseudo_mask,
    write_pseudo_masks,
)
from tests.training.conftest import start

CLASSES = ClassList(("cat", "cow", "dog"))


def _prediction(**maps: np.ndarray) -> Prediction:
    names = tuple(maps)
    stacked = np.stack([1 - sum(maps.values()), *maps.values()])
    ids = np.array([0, *(CLASSES.index(name) for name in names)], np.uint8)
    return Prediction(
        label_map=ids[stacked.argmax(0)],
        class_maps={name: one.astype(np.float32) for name, one in maps.items()},
        scores=dict.fromkeys(CLASSES, 0.5),
        identified=names,
    )


def _believing(certainty: float, **doubt: float) -> Belief:
    """Return a belief that doubts no class but those that are named."""
    return Belief(certainty, 1.0, 1.0, dict.fromkeys(CLASSES, 1.1) | doubt)


def _maps(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet((0.7, 0.7, 0.7), (5, 7)).transpose(2, 0, 1)


def test_certainty_is_the_largest_map_of_each_pixel_background_among_them() -> None:
    maps = _maps(0)
    sure = certainty(_prediction(cow=maps[1], dog=maps[2]))

    for row in range(5):
        for column in range(7):
            assert sure[row, column] == pytest.approx(maps[:, row, column].max(), abs=1e-6)


def test_a_pseudo_mask_keeps_sure_pixels_and_leaves_the_others_open() -> None:
    maps = _maps(1)
    mask = pseudo_mask(_prediction(cow=maps[1], dog=maps[2]), CLASSES, _believing(0.6))

    for row in range(5):
        for column in range(7):
            winner = int(maps[:, row, column].argmax())
            expected = (0, 2, 3)[winner] if maps[winner, row, column] >= 0.6 else IGNORE
            assert mask[row, column] == expected


def test_a_pixel_is_not_denied_to_a_class_whose_map_is_at_its_doubt() -> None:
    maps = _maps(2)
    mask = pseudo_mask(_prediction(cow=maps[1], dog=maps[2]), CLASSES, _believing(0.4, dog=0.2))

    doubted = 0
    for row in range(5):
        for column in range(7):
            winner = int(maps[:, row, column].argmax())
            doubt = winner != 2 and maps[2, row, column] >= 0.2
            sure = maps[winner, row, column] >= 0.4 and not doubt
            assert mask[row, column] == ((0, 2, 3)[winner] if sure else IGNORE)
            doubted += doubt
    assert doubted


def test_a_tagged_class_that_is_found_nowhere_is_not_denied_where_it_may_be() -> None:
    maps = np.full((20, 30), 0.05)
    maps[4:9, 10:20] = 0.3  # less than background everywhere
    mask = pseudo_mask(_prediction(cat=maps), CLASSES, _believing(0.6))

    assert (mask[4:9, 10:20] == IGNORE).all()
    assert (np.delete(mask.ravel(), np.flatnonzero(maps.ravel() > 0.1)) == 0).all()


def test_an_image_that_shows_none_of_the_classes_is_all_background() -> None:
    nothing = Prediction(np.zeros((3, 4), np.uint8), {}, dict.fromkeys(CLASSES, 0.1), ())

    assert (pseudo_mask(nothing, CLASSES, _believing(0.99)) == 0).all()


@pytest.fixture
def planned(shapes: Path, tmp_path: Path) -> tuple[Plan, Predictor]:
    network, plan, _ = start(shapes, tmp_path / "run")
    network.eval()
    with torch.no_grad():  # untrained, it would find next to nothing
        network.get_parameter("decoder.score.bias").copy_(torch.tensor([-2.0, 2.0]))
    device = torch.device("cpu")
    return plan, Predictor(network=network, classes=plan.classes, frame=plan.frame, device=device)


def _sure_of_little(plan: Plan) -> Belief:
    return Belief(0.5, 1.0, 1.0, dict.fromkeys(plan.classes, 1.1))


def test_pseudo_masks_hold_tagged_classes_alone_at_the_size_of_their_images(
    planned: tuple[Plan, Predictor], tmp_path: Path
) -> None:
    plan, predictor = planned
    records, tags = plan.roles.tags[:5], plan.tags[:5]

    written = write_pseudo_masks(
        predictor, records, tags, tmp_path / "pseudo", belief=_sure_of_little(plan)
    )

    tags_of = {record.name: names for record, names in zip(records, tags, strict=True)}
    assert written
    for record in written:
        names = tags_of[record.name]
        assert record.mask is not None
        assert names is not None
        allowed = {0, IGNORE, *(plan.classes.index(name) for name in names)}
        mask = read_mask(record.mask)
        assert set(np.unique(mask).tolist()) & set(range(1, 4))
        assert set(np.unique(mask).tolist()) <= allowed
        assert mask.shape == predictor.predict([_pixels(record)])[0].label_map.shape


def _pixels(record: Record) -> np.ndarray:
    from decouplednet.annotations.images import read_image

    return read_image(record.image)


def test_pseudo_masks_that_are_there_are_kept_and_unlabelled_images_get_none(
    planned: tuple[Plan, Predictor], tmp_path: Path
) -> None:
    plan, predictor = planned
    records, folder = plan.roles.tags[:3], tmp_path / "pseudo"
    tags = (plan.tags[0], None, plan.tags[2])
    write_pseudo_masks(predictor, records[:1], tags[:1], folder, belief=_sure_of_little(plan))
    first = folder / f"{records[0].name}.png"
    earlier = first.stat().st_mtime_ns
    done: list[str] = []

    def note(missing: object) -> list[Record]:
        assert isinstance(missing, list)
        done.extend(record.name for record in missing)
        return missing

    written = write_pseudo_masks(
        predictor, records, tags, folder, belief=_sure_of_little(plan), progress=note
    )

    assert done == [records[0].name, records[2].name]  # one group, which is seen as before
    assert not (folder / f"{records[1].name}.png").exists()
    assert {record.name for record in written} <= {records[0].name, records[2].name}
    assert first.stat().st_mtime_ns == earlier


def test_images_are_seen_in_the_same_groups_whatever_is_labelled_already(
    planned: tuple[Plan, Predictor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, predictor = planned
    records, tags = plan.roles.tags[:7], plan.tags[:7]
    monkeypatch.setattr(pseudo_masks, "batched", partial(batched, size=3))
    predict, groups = Predictor.predict, list[int]()

    def note(self: Predictor, images: list[np.ndarray], given: Any) -> Any:
        groups.append(len(images))
        return predict(self, images, given)

    monkeypatch.setattr(Predictor, "predict", note)
    for folder in ("whole", "begun"):
        write_pseudo_masks(
            predictor, records, tags, tmp_path / folder, belief=_sure_of_little(plan)
        )
    assert groups == 2 * [3, 3, 1]
    labelled = {record.name: tmp_path / "begun" / f"{record.name}.png" for record in records}
    for place in (1, 2, 6):
        labelled[records[place].name].unlink()
    groups.clear()

    write_pseudo_masks(predictor, records, tags, tmp_path / "begun", belief=_sure_of_little(plan))

    assert groups == [3, 1]
    for name, file in labelled.items():
        assert file.read_bytes() == (tmp_path / "whole" / f"{name}.png").read_bytes()


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
            told = predictor.predict([_pixels(record)], [names])[0]
            for label, true, sure in zip(
                told.label_map.ravel(), truth.ravel(), certainty(told).ravel(), strict=True
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
        told = predictor.predict([_pixels(record)], [there])[0]
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
