"""Maps of positions: where they lie, how they are stretched, which level the masks choose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.classes import ClassList
from decouplednet.comparison.baselines.activation_maps import (
    LEVELS,
    ActivationMapPredictor,
    choose_level,
    over_the_frame,
    stretch,
    train_activation_maps,
)
from decouplednet.errors import DataError
from decouplednet.evaluation.evaluate import evaluate_records
from decouplednet.networks.classification import Classifier
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.vgg import VGG
from decouplednet.training.run_folder import RunFolder
from tests.comparison.baselines.conftest import LEARNING, plan_of
from tests.inference.small import small_frame
from tests.networks.small import small_head
from tests.shapes import write_shapes

NAMES = ("cat", "cow", "dog", "hen", "pig")


def predictor(side: int = 96) -> ActivationMapPredictor:
    torch.manual_seed(3)
    network = Classifier(VGG((3, 4, 5, 6, 7)), small_head(kernel=1))
    freeze(network)
    return ActivationMapPredictor(
        network=network,
        classes=ClassList(NAMES),
        others="ignore",
        frame=small_frame(side),
        device=torch.device("cpu"),
        kernel=1,
    )


def picture(height: int = 37, width: int = 53, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("kernel", [1, 3])
def test_scores_stand_in_the_middle_of_what_they_see_and_fall_evenly_between(kernel: int) -> None:
    rng = torch.Generator().manual_seed(0)
    cells = 6 - kernel + 1
    scores = torch.randn(1, 2, cells, cells, generator=rng)

    spread = over_the_frame(scores, kernel, 6 * 32)

    assert spread.shape == (1, 2, 192, 192)

    def at(place: float) -> tuple[int, int, float]:
        """Return the two cells around a pixel and the share of the second; none is outside."""
        cell = min(max((place + 0.5) / 32 - kernel / 2, 0.0), cells - 1.0)
        return int(cell), min(int(cell) + 1, cells - 1), cell - int(cell)

    for row in range(0, 192, 13):
        for column in range(0, 192, 17):
            (above, below, down), (left, right, over) = at(row), at(column)
            of_class = scores[0, 1]
            upper = of_class[above, left] * (1 - over) + of_class[above, right] * over
            lower = of_class[below, left] * (1 - over) + of_class[below, right] * over
            expected = float(upper * (1 - down) + lower * down)
            assert float(spread[0, 1, row, column]) == pytest.approx(expected, abs=1e-4)


def test_each_map_is_stretched_by_itself() -> None:
    maps = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0)) * 9
    maps[1] = 4.0

    stretched = stretch(maps)

    for place in (0, 2):
        values = [float(x) for x in maps[place].flatten()]
        expected = [(x - min(values)) / (max(values) - min(values)) for x in values]
        assert stretched[place].flatten().tolist() == pytest.approx(expected, abs=1e-6)
    assert not stretched[1].any()


def test_maps_are_averages_over_scales_and_mirrored_views() -> None:
    one, image = replace(predictor(), scales=(2.0,)), picture()
    plain = replace(one, scales=(), mirrored=False)
    total = torch.zeros(5, 37, 53)
    for side in (96, 192):
        frame = one.frame.model_copy(update={"side": side})
        for mirrored in (False, True):
            seen = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
            with torch.no_grad():
                pool5 = one.network.encoder.encode(frame.image(seen)[None]).pool5
                scores = one.network.head.trace(pool5)[1].score_map
            maps = frame.restore(over_the_frame(scores, 1, side)[0], frame.place((37, 53)))
            total += maps.flip(2) if mirrored else maps

    probability, (got,) = one.see([image])

    torch.testing.assert_close(got, stretch(total), atol=1e-4, rtol=1e-4)
    plain_probability, (plain_maps,) = plain.see([image])
    torch.testing.assert_close(plain_probability, probability)
    assert not torch.allclose(plain_maps, got, atol=0.05)
    with torch.no_grad():
        expected = one.network(one.frame.image(image)[None]).sigmoid()
    torch.testing.assert_close(probability, expected)


def test_no_view_is_smaller_than_what_the_head_sees_at_once() -> None:
    torch.manual_seed(3)
    sees_three = Classifier(VGG((3, 4, 5, 6, 7)), small_head(kernel=3))
    freeze(sees_three)
    one, seen = (
        replace(predictor(128), network=sees_three, kernel=3, scales=(0.3, 0.01)),
        list[int](),
    )
    one.network.get_submodule("encoder").register_forward_pre_hook(
        lambda _, given: seen.append(given[0].shape[-1])
    )

    one.see([picture()])

    assert seen == [128, 128, 96, 96, 96, 96]  # three positions of pool5


@pytest.mark.parametrize("tags", [None, ("hen",), ("pig", "cat"), ()])
def test_a_pixel_is_background_where_no_identified_map_exceeds_the_level(
    tags: tuple[str, ...] | None,
) -> None:
    one, image = replace(predictor(), level=0.6), picture()
    probability, (maps,) = one.see([image])

    (prediction,) = one.predict([image], [tags])

    found = [name for name, p in zip(NAMES, probability[0], strict=True) if p > 0.5]
    identified = [name for name in NAMES if name in (found if tags is None else tags)]
    assert prediction.identified == tuple(identified)
    assert list(prediction.scores.values()) == pytest.approx(probability[0].tolist())
    for row, column in np.ndindex(37, 53):
        best, winner = 0.6, 0
        for name in identified:
            place = NAMES.index(name)
            if float(maps[place, row, column]) > best:
                best, winner = float(maps[place, row, column]), place + 1
        assert prediction.label_map[row, column] == winner
    assert set(prediction.class_maps) == set(identified)
    assert one.predict([image], [tags], class_maps=False)[0].class_maps == {}


def test_the_gate_opens_above_its_threshold() -> None:
    one, image = predictor(), picture()
    probability = one.see([image])[0][0]
    between = float(probability.sort().values[2:4].mean())

    (prediction,) = replace(one, threshold=between).predict([image])

    expected = [name for name, p in zip(NAMES, probability, strict=True) if p > between]
    assert prediction.identified == tuple(expected)
    assert len(expected) == 2
    assert one.predict([]) == []
    assert one.parameters == sum(weight.numel() for weight in one.network.parameters())


def test_the_level_is_the_best_of_all_on_the_masks_that_may_be_used(
    bold: Path, tmp_path: Path
) -> None:
    plan = plan_of(bold, "side=64", "classifier.updates=2")
    one = train_activation_maps(plan, RunFolder(tmp_path))

    scores = [
        evaluate_records(
            replace(one, level=level), plan.catalogue, plan.roles.masks, tags=True
        ).miou
        for level in LEVELS
    ]

    assert one.level == LEVELS[scores.index(max(scores))]
    assert len(set(scores)) > 3


def test_the_images_kept_for_scoring_are_not_read_to_choose_the_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(write_shapes(tmp_path / "data", images=5, masks=4), "side=64")
    for record in plan.roles.validation:
        record.image.unlink()
    one = replace(predictor(64), classes=plan.classes)
    one.network.head.score = torch.nn.Conv2d(8, 3, 1)

    assert choose_level(one, plan) in LEVELS
    plan.roles.masks[0].image.write_text("no picture")
    with pytest.raises(DataError, match=r"\.png: not a readable image"):
        choose_level(one, plan)


def test_tags_teach_the_classes_and_roughly_where_they_are(
    bold: Path, unseen: Catalogue, all_background: float, tmp_path: Path
) -> None:
    plan = plan_of(bold, *LEARNING)

    one = train_activation_maps(plan, RunFolder(tmp_path))
    scores = evaluate_records(one, unseen, unseen.records, tags=True)

    assert scores.tag_map > 0.6
    assert scores.miou > all_background + 0.03
    (whole,) = one.predict([read_image(unseen.records[0].image)], [unseen.classes.names])
    assert whole.label_map.any()


def test_an_image_that_is_given_twice_is_seen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, image, seen = predictor(), picture(), list[int]()
    see = ActivationMapPredictor.see
    alone = [one.predict([image], [tags])[0] for tags in (("cat",), None)]

    def count(self: ActivationMapPredictor, images: list[NDArray[np.uint8]]) -> object:
        seen.append(len(images))
        return see(self, images)

    monkeypatch.setattr(ActivationMapPredictor, "see", count)
    twice = one.predict([image, image], [("cat",), None])

    assert seen == [1]
    for prediction, other in zip(twice, alone, strict=True):
        assert np.array_equal(prediction.label_map, other.label_map)
        assert prediction.identified == other.identified
