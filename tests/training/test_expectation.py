"""What a run is said to take."""

from pathlib import Path

import pytest

from decouplednet.training import expectation
from decouplednet.training.expectation import (
    classifier_bytes,
    expected_bytes,
    expected_seconds,
    segmenter_bytes,
    store_bytes,
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


def test_hosts_are_decoded_too_where_objects_are_pasted(shapes: Path) -> None:
    plan, pasted = (make_plan(shapes, quick(f"segmenter.pasted_share={share}")) for share in (0, 1))
    assert segmenter_bytes(pasted) - segmenter_bytes(plan) == 4 * 10 * PICTURE
