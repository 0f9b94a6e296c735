"""What is written of a network's labels."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import read_mask, write_mask
from decouplednet.annotations.record import Record
from decouplednet.classes import IGNORE, ClassList
from decouplednet.errors import TrainingError
from decouplednet.inference.batches import batched
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.training import pseudo_masks
from decouplednet.training.plan import Plan
from decouplednet.training.pseudo_masks import (
    Belief,
    pseudo_mask,
    write_pseudo_masks,
)

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
    sure = _prediction(cow=maps[1], dog=maps[2]).certainty()

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
        mask = record.mask.read()
        assert set(np.unique(mask).tolist()) & set(range(1, 4))
        assert set(np.unique(mask).tolist()) <= allowed
        assert mask.shape == predictor.predict([read_image(record.image)])[0].label_map.shape


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


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:60]), "not a readable image: .*"),
        (lambda file: write_mask(file, np.ones((3, 4), np.uint8)), "the mask is 4 x 3 pixels, .*"),
        (lambda file: write_mask(file, 77 + 0 * read_mask(file)), "id 77 at row 0, column 0 is .*"),
    ],
    ids=["cut", "size", "class"],
)
def test_a_damaged_pseudo_mask_is_named_and_written_anew(
    damage: Callable[[Path], object],
    message: str,
    planned: tuple[Plan, Predictor],
    tmp_path: Path,
) -> None:
    plan, predictor = planned
    write = partial(
        write_pseudo_masks,
        *(predictor, plan.roles.tags[:2], plan.tags[:2], tmp_path),
        belief=_sure_of_little(plan),
    )
    written = write()
    file = tmp_path / f"{plan.roles.tags[0].name}.png"
    content = file.read_bytes()
    damage(file)

    with pytest.raises(
        TrainingError, match=rf"^{file}: {message}; remove it, and it is written anew$"
    ):
        write()

    file.unlink()
    assert write() == written
    assert file.read_bytes() == content


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
