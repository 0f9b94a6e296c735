"""Consistency: its loss against a second computation, its schedules, and what it learns."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import default_collate

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.comparison.baselines.consistency import (
    ConsistencySettings,
    ConsistencyStage,
    images_without_masks,
    ramp_factor,
    schedules,
    train_consistency,
)
from decouplednet.comparison.baselines.network import OneNetwork, start_one_network
from decouplednet.comparison.baselines.views import PairedExample, Views
from decouplednet.dataset.masked import ClassExample
from decouplednet.errors import TrainingError
from decouplednet.evaluation.evaluate import evaluate_records
from decouplednet.networks.presets import preset_named
from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.curve import read_curve
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import Stage
from tests.comparison.baselines.conftest import CLASSES, LEARNING, plan_of, small_one_network
from tests.training.conftest import changed_parts

SIDE, IMAGES = 64, 3


def batch() -> PairedExample:
    rng = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng)

    target = torch.randint(0, CLASSES + 1, (IMAGES, SIDE, SIDE), generator=rng, dtype=torch.uint8)
    seen = torch.ones(IMAGES, SIDE, SIDE, dtype=torch.bool)
    seen[:, 50:] = False
    patch = torch.zeros(IMAGES, 2, SIDE, SIDE, dtype=torch.bool)
    patch[0, 0, 5:30, 9:40] = patch[2, 1, 20:60, :30] = True
    views = Views(draw(IMAGES, 3, SIDE, SIDE), draw(IMAGES, 2, 3, SIDE, SIDE), patch, seen)
    return PairedExample(ClassExample(draw(IMAGES, 3, SIDE, SIDE), target), views)


def stage_of(**changes: Any) -> ConsistencyStage:
    return ConsistencyStage(
        small_one_network(),
        SegmenterSettings(updates=600),
        ConsistencySettings(**({"threshold": 0.6} | changes)),
        seed=0,
        encoder_rate=1.0,
    )


def without_dropout_or_statistics(stage: ConsistencyStage) -> ConsistencyStage:
    """Return a stage whose network computes the same in training and evaluation mode."""
    stage.network.eval()
    return stage


def expected_parts(stage: ConsistencyStage, given: PairedExample) -> tuple[float, float, float]:
    """Return the loss of masks, weak views and strong views by loops over views and images."""
    network, views = stage.network, given.views

    def mean(image: Tensor, target: Tensor, seen: Tensor) -> float:
        surprise = -network(image[None])[0].log_softmax(dim=0)
        of_target = surprise.gather(0, target[None].clamp(max=CLASSES))[0]
        return float(of_target[target != 255].sum() / seen.sum())

    with torch.no_grad():
        labels = []
        for number in range(IMAGES):
            probability = network(views.weak[number][None])[0].softmax(dim=0)
            label = probability.argmax(dim=0)
            label[(probability.amax(dim=0) < 0.6) | ~views.seen[number]] = 255
            labels.append(label)
        masks = [
            mean(image, target.long(), target != 255)
            for image, target in zip(*given.labelled, strict=True)
        ]
        weak = [mean(*each) for each in zip(views.weak, labels, views.seen, strict=True)]
        strong = []
        for number in range(IMAGES):
            before = number - 1
            for view in range(2):
                patch = views.patch[number, view]
                image = torch.where(patch, views.strong[before, view], views.strong[number, view])
                target = torch.where(patch, labels[before], labels[number])
                seen = torch.where(patch, views.seen[before], views.seen[number])
                strong.append(mean(image, target, seen))
    return sum(masks) / IMAGES, sum(weak) / IMAGES, sum(strong) / len(strong)


def test_the_loss_is_half_that_of_the_masks_and_half_that_of_the_views() -> None:
    stage = without_dropout_or_statistics(stage_of(dropout=0.0))
    masks, weak, strong = expected_parts(stage, batch())

    with torch.no_grad():
        loss = float(stage.loss(batch()))

    assert min(masks, weak, strong) > 1e-3  # none of them could be left out unnoticed
    assert loss == pytest.approx((masks + 0.5 * weak + 0.5 * strong) / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({"feature_weight": 0.0}, (1, 0, 0.5)),
        ({"image_weight": 0.0}, (1, 0.5, 0)),
        ({"feature_weight": 2.0, "image_weight": 0.25}, (1, 2, 0.25)),
        ({"ramp": 1.0}, (1, 0.5 / 601, 0.5 / 601)),
    ],
    ids=["no weak", "no strong", "other weights", "ramp"],
)
def test_every_weight_counts(changes: dict[str, float], weights: tuple[float, ...]) -> None:
    stage = without_dropout_or_statistics(stage_of(dropout=0.0, **changes))
    parts = expected_parts(stage, batch())

    with torch.no_grad():
        loss = float(stage.loss(batch()))

    expected = sum(weight * part for weight, part in zip(weights, parts, strict=True)) / 2
    assert loss == pytest.approx(expected, rel=1e-3)


def test_labels_come_from_a_network_at_rest_and_carry_no_gradient() -> None:
    stage = stage_of(image_weight=0.0, feature_weight=1.0)
    stage.network.start_learning()
    seen: list[tuple[bool, bool]] = []
    stage.network.get_submodule("decoder").register_forward_pre_hook(
        lambda part, _: seen.append((part.training, torch.is_grad_enabled()))
    )

    stage.loss(batch()).backward()  # type: ignore[no-untyped-call]  # torch's own

    assert seen[0] == (False, False)
    assert set(seen[1:]) == {(True, True)}
    assert stage.network.get_submodule("decoder").training


def test_channels_are_dropped_in_the_weak_view_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of()
    decoded = []
    decode = stage.network.decode

    def watch(encoded: Any) -> Tensor:
        decoded.append(encoded.pool5.detach().clone())
        return decode(encoded)

    monkeypatch.setattr(stage.network, "decode", watch)
    given = batch()
    torch.manual_seed(0)
    stage.loss(given)

    mixed, strong = decoded[1], decoded[2]
    undropped = stage.network.encode(torch.cat([given.labelled.image, given.views.weak])).pool5
    assert torch.equal(mixed[:IMAGES], undropped[:IMAGES])
    kept = mixed[IMAGES:].flatten(2).any(dim=2)
    assert 0 < int(kept.sum()) < kept.numel()
    torch.testing.assert_close(mixed[IMAGES:][kept], 2 * undropped[IMAGES:][kept])
    assert strong.shape[0] == 2 * IMAGES


def test_batches_of_the_stream_are_what_the_loss_takes() -> None:
    one = batch()
    items = [
        PairedExample(
            ClassExample(*(part[number] for part in one.labelled)),
            Views(*(part[number] for part in one.views)),
        )
        for number in range(IMAGES)
    ]

    collated = default_collate(items)

    assert torch.equal(collated.views.patch, one.views.patch)
    assert torch.equal(collated.labelled.target, one.labelled.target)


@pytest.mark.parametrize(
    ("update", "length", "share"), [(0, 0, 1), (7, 0, 1), (0, 3, 0.25), (2, 3, 0.75), (9, 3, 1)]
)
def test_the_weight_rises_in_even_steps(update: int, length: float, share: float) -> None:
    assert ramp_factor(update, length) == share


def test_the_updates_are_shared_and_the_cuts_move_along() -> None:
    whole = SegmenterSettings(
        updates=100, learning_rate=0.02, schedule="steps", decay_every=40, images_per_update=6
    )

    first, second = schedules(whole, ConsistencySettings(supervised_share=0.3))

    assert (first.updates, first.learning_rate, first.decay_every) == (30, 0.02, 12)
    assert (second.updates, second.learning_rate, second.decay_every) == (70, 0.01, 28)
    assert first.images_per_update == second.images_per_update == 6
    chosen = ConsistencySettings(updates=500, learning_rate_share=1.0)
    _, second = schedules(SegmenterSettings(updates=100), chosen)
    assert (second.updates, second.decay_every) == (500, None)
    assert second.learning_rate == SegmenterSettings().learning_rate
    assert [one.updates for one in schedules(SegmenterSettings(updates=1), chosen)] == [1, 500]


def test_images_without_masks_are_those_whose_masks_may_not_be_used(shapes: Path) -> None:
    names = [record.name for record in images_without_masks(plan_of(shapes))]
    assert names == [f"picture_{number:02d}" for number in (8, 9, 10, 11)]

    all_masked = plan_of(shapes, "data.tags_split=strong")
    assert images_without_masks(all_masked) == all_masked.roles.tags


def test_both_parts_are_in_the_curve_and_the_second_starts_from_the_first(
    shapes: Path, tmp_path: Path
) -> None:
    plan, folder = plan_of(shapes, "segmenter.updates=4"), RunFolder(tmp_path)
    settings = ConsistencySettings(updates=3, learning_rate_share=1e-6)
    trained = train_consistency(plan, folder, settings).network

    rows = [(row["stage"], row["update"]) for row in read_curve(tmp_path / "curves.csv")]
    assert rows == [
        *(("one_network", str(update)) for update in (1, 2)),
        *(("consistency", str(update)) for update in (1, 2, 3)),
    ]
    first, untrained = load_file(folder.learnt("one_network")), start_one_network(plan)
    for name, weight in trained.named_parameters():
        torch.testing.assert_close(weight.detach(), first[f"network.{name}"], atol=1e-6, rtol=0)
    assert changed_parts(untrained.state_dict(), trained.state_dict())


@pytest.mark.parametrize("update", [1, 3])
def test_a_run_stopped_in_either_part_ends_as_one_without_interruption(
    update: int, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, settings = plan_of(shapes, "segmenter.updates=8"), ConsistencySettings(threshold=0.3)
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    expected = train_consistency(plan, whole, settings).network.state_dict()
    step = Stage.training_step

    for name in ("one_network", "consistency"):

        def stop(module: Stage, batch: Any, batch_index: int, name: str = name) -> Tensor:
            if (module.name, module.global_step) == (name, update):
                raise MemoryError
            return step(module, batch, batch_index)

        with monkeypatch.context() as patch:
            patch.setattr(Stage, "training_step", stop)
            with pytest.raises(MemoryError):
                train_consistency(plan, stopped, settings)
    resumed = train_consistency(plan, stopped, settings).network.state_dict()

    assert not changed_parts(expected, resumed)
    assert read_curve(stopped.curves) == read_curve(whole.curves)


def test_memory_too_small_for_a_pair_of_images_stops_the_run(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(stage: ConsistencyStage, batch: PairedExample) -> Tensor:
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(ConsistencyStage, "loss", never)
    with pytest.raises(TrainingError, match="memory ran out with 2 images, the fewest it takes"):
        train_consistency(plan_of(shapes), RunFolder(tmp_path))


def test_it_learns_from_masks_and_from_its_own_answers(
    bold: Path, unseen: Catalogue, all_background: float, tmp_path: Path
) -> None:
    predictor = train_consistency(plan_of(bold, *LEARNING), RunFolder(tmp_path))

    rows = read_curve(tmp_path / "curves.csv")
    for name in ("one_network", "consistency"):
        losses = [float(row["loss"]) for row in rows if row["stage"] == name]
        assert sum(losses[-10:]) < sum(losses[:10])
    score = evaluate_records(predictor, unseen, unseen.records).miou
    assert score > all_background + 0.05


def test_a_network_with_skips_keeps_them_where_channels_are_dropped() -> None:
    torch.manual_seed(4)
    network = OneNetwork(preset_named("tiny-skip").build(CLASSES), CLASSES, trained_groups=0)
    stage = ConsistencyStage(
        network, SegmenterSettings(), ConsistencySettings(threshold=0.0), seed=0, encoder_rate=1.0
    )
    example = batch()
    target = torch.zeros_like(example.labelled.target, dtype=torch.int64)

    supervised, feature = stage._weak_losses(example.labelled, example.views, target)

    assert supervised.isfinite()
    assert feature.isfinite()
