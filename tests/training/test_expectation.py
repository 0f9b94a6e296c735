"""What a run is said to take."""

from pathlib import Path

import pytest

from decouplednet.training import expectation
from decouplednet.training.estimate import cost_of
from decouplednet.training.expectation import (
    classifier_bytes,
    expected_bytes,
    expected_seconds,
    segmenter_bytes,
    store_bytes,
    student_bytes,
)
from decouplednet.training.plan import make_plan
from tests.training.conftest import quick

PICTURE = 60 * 76  # pixels


def test_expected_time_counts_frozen_groups_once(shapes: Path) -> None:
    free = make_plan(shapes, quick())
    kept = make_plan(shapes, quick("classifier.trained_groups=0", "classifier.views=3"))
    cost = free.cost
    all_groups = sum(cost.groups)
    assert expected_seconds(free, 1.4)[0] == pytest.approx(20 * 3 * (all_groups + cost.head))
    assert expected_seconds(kept, 1.4)[0] == pytest.approx(20 * 3 * cost.head + 30 * all_groups)
    assert expected_seconds(kept, 2.8)[1] == pytest.approx(
        12 * (all_groups + cost.head + 3 * cost.segmenter) / 2
    )


def test_minutes_of_a_stage_are_its_time(shapes: Path) -> None:
    plan = make_plan(
        shapes,
        quick("classifier.trained_groups=0", "classifier.minutes=3", "segmenter.minutes=0.5"),
    )
    features = 10 * 2 * sum(plan.cost.groups)
    assert expected_seconds(plan, 1.4) == pytest.approx((180 + features, 30))


STUDY = ("self_training.enabled=true", "self_training.updates=7")


def test_stage_3_takes_the_time_of_its_labels_and_of_its_windows(shapes: Path) -> None:
    changes = (*STUDY, "self_training.side=64", "segmenter.side=128", "data.classes=disc,bar")
    plan = make_plan(shapes, quick(*changes, "self_training.images_per_update=5"))
    masked = {record.name for record in plan.roles.masks}
    labelled = [
        len(names & {"disc", "bar"})
        for record, names in zip(plan.roles.tags, plan.tags, strict=True)
        if record.name not in masked and names is not None
    ]
    assert len(labelled) == 4
    passes = sum(1 if classes == 1 else classes + 1 for classes in labelled if classes)
    image, window = plan.cost, cost_of(plan.preset, 2, 64)
    labels = 4 * (sum(image.groups) + image.head) + passes * image.segmenter
    windows = 7 * 5 * 1.6 * (sum(window.groups) + window.head + 3 * window.segmenter)

    first, second, third = expected_seconds(plan, 1.4)
    assert third == pytest.approx(labels + windows)
    two = make_plan(shapes, quick(*changes, "self_training.enabled=false"))
    assert expected_seconds(two, 1.4) == (first, second)
    timed = make_plan(shapes, quick(*changes, "self_training.minutes=2"))
    assert expected_seconds(timed, 1.4)[2] == 120  # its labels included


def test_devices_share_the_windows_of_stage_3_and_not_its_labels(shapes: Path) -> None:
    one = make_plan(shapes, quick(*STUDY))
    two = make_plan(shapes, quick(*STUDY, "compute.devices=2"))
    window = one.student_cost
    windows = 7 * 8 * 1.6 * (sum(window.groups) + window.head + 3 * window.segmenter)
    saved = expected_seconds(one, 1.4)[2] - expected_seconds(two, 1.4)[2]
    assert saved == pytest.approx(windows / 2)


def test_stage_3_keeps_what_its_groups_head_and_decoder_need(shapes: Path) -> None:
    changes = (*STUDY, "self_training.trained_groups=2", "self_training.images_per_update=6")
    plan = make_plan(shapes, quick(*changes))
    cost = plan.student_cost
    learning = (*cost.group_sizes[3:], cost.head_size, cost.segmenter_size)
    assert student_bytes(plan) == (
        20 * sum(size.weights for size in learning)
        + 4 * sum(size.weights for size in cost.group_sizes[:3])
        + 6 * sum(size.kept_bytes for size in learning)
        + 4 * 10 * PICTURE
    )
    small = make_plan(shapes, quick(*changes, "self_training.images_per_step=1"))
    kept = sum(size.kept_bytes for size in learning)
    assert student_bytes(plan) - student_bytes(small) == 5 * kept


def test_stage_3_decides_the_memory_where_its_step_is_the_largest(shapes: Path) -> None:
    large = make_plan(shapes, quick(*STUDY, "self_training.images_per_update=64"))
    assert expected_bytes(large) == student_bytes(large) > segmenter_bytes(large)
    off = make_plan(
        shapes, quick("self_training.images_per_update=64", "self_training.enabled=false")
    )
    assert expected_bytes(off) == expected_bytes(make_plan(shapes, quick()))


def test_expected_memory_grows_with_the_step_of_each_stage(shapes: Path) -> None:
    plan = make_plan(shapes, quick())
    stage_1 = make_plan(shapes, quick("classifier.images_per_step=1"))
    stage_2 = make_plan(shapes, quick("segmenter.images_per_step=1"))
    sizes = (*plan.cost.group_sizes, plan.cost.head_size)
    kept = sum(size.kept_bytes for size in sizes)
    assert classifier_bytes(plan) - classifier_bytes(stage_1) == 3 * kept
    kept = plan.window_cost.segmenter_size.kept_bytes
    assert segmenter_bytes(plan) - segmenter_bytes(stage_2) == 3 * kept


def test_stage_1_decides_the_memory_where_the_whole_paper_network_learns(shapes: Path) -> None:
    plan = make_plan(
        shapes,
        quick(
            "preset=vgg16",
            "classifier.weights=none",
            "classifier.images_per_update=64",
            "segmenter.images_per_update=2",
        ),
    )
    assert expected_bytes(plan) == classifier_bytes(plan) > 2 * segmenter_bytes(plan)
    plan = make_plan(
        shapes, quick("preset=vgg16", "classifier.weights=none", "classifier.trained_groups=0")
    )
    assert expected_bytes(plan) == segmenter_bytes(plan) > classifier_bytes(plan)


def test_frozen_weights_have_no_moments_and_their_features_are_kept(shapes: Path) -> None:
    free = make_plan(shapes, quick())
    kept = make_plan(shapes, quick("classifier.trained_groups=4", "classifier.views=3"))
    first = free.cost.group_sizes[0]
    features = 2 * 10 * 3 * 8 * 48 * 48
    saved = 16 * first.weights + 4 * first.kept_bytes
    assert classifier_bytes(free) - classifier_bytes(kept) == saved - features


def test_decoded_images_are_kept_by_every_process_that_reads(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(shapes, quick())
    assert store_bytes(plan, plan.roles.tags, channels=3) == 3 * 10 * PICTURE
    assert store_bytes(plan, (), channels=3) == 0
    plan = make_plan(shapes, quick("compute.workers=2"))
    assert store_bytes(plan, plan.roles.masks, channels=4) == 2 * 4 * 6 * PICTURE
    monkeypatch.setattr(expectation, "STORE_BYTES", 7)
    assert store_bytes(plan, plan.roles.masks, channels=4) == 14
