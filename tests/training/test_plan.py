"""What a run decides before it starts, and what it refuses."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.errors import DataError, DeviceError, ModelError, SettingsError, TrainingError
from decouplednet.networks.pooling import (
    MAX_POOLING,
    LogSumExpPooling,
    Pooling,
    TopKPooling,
)
from decouplednet.networks.vgg import VGG
from decouplednet.training.classifier import tagged_images
from decouplednet.training.expectation import expected_seconds
from decouplednet.training.plan import make_plan
from decouplednet.training.pooling import pooling_of
from decouplednet.training.run import train
from decouplednet.training.segmenter import masked_images
from decouplednet.training.start import start_network
from tests.shapes import NAMES
from tests.training.conftest import quick

WEIGHTS = "classifier.weights"


@pytest.mark.parametrize(
    ("changes", "chosen", "pooling"),
    [
        ((), (None, None), MAX_POOLING),
        (("pooling=log-sum-exp",), (4.0, None), LogSumExpPooling(sharpness=4.0)),
        (
            ("pooling=log-sum-exp", "pooling_sharpness=1.5"),
            (1.5, None),
            LogSumExpPooling(sharpness=1.5),
        ),
        (("pooling=top-k",), (None, 0.25), TopKPooling(top_share=0.25)),
        (("pooling=top-k", "pooling_top_share=0.7"), (None, 0.7), TopKPooling(top_share=0.7)),
    ],
)
def test_the_pooling_is_chosen_and_reaches_the_network(
    changes: tuple[str, ...],
    chosen: tuple[float | None, float | None],
    pooling: Pooling,
    shapes: Path,
) -> None:
    plan = make_plan(shapes, quick(*(f"classifier.{change}" for change in changes)))

    settings = plan.settings.classifier
    assert (settings.pooling_sharpness, settings.pooling_top_share) == chosen
    assert pooling_of(settings) == pooling
    assert start_network(plan).classifier.head.pooling == pooling


def test_a_padded_bridge_takes_single_images_at_the_smallest_side(shapes: Path) -> None:
    switches, padded = (
        make_plan(shapes, quick(f"preset={preset}", "side=96", "classifier.weights=none"))
        for preset in ("light", "skip")
    )

    assert (switches.fewest_images(96), switches.fewest_images(128)) == (2, 1)
    assert padded.fewest_images(96) == 1


def test_a_plan_holds_roles_classes_and_tags(shapes: Path) -> None:
    plan = make_plan(shapes, quick("data.classes=frame,disc"))
    assert plan.classes.names == ("frame", "disc")
    assert (len(plan.roles.tags), len(plan.roles.masks), len(plan.roles.validation)) == (10, 6, 2)
    assert len(plan.tags) == 10
    assert all(tags is not None and tags <= set(NAMES) for tags in plan.tags)
    assert plan.frame.channel_order == "RGB"
    assert plan.pretrained is None


def test_a_catalogue_in_memory_makes_the_same_plan_as_its_folder(shapes: Path) -> None:
    catalogue = Catalogue.read(shapes)
    assert make_plan(catalogue, quick()).roles == make_plan(shapes, quick()).roles
    few = catalogue.with_splits({"few": ["picture_02"]})
    roles = make_plan(few, quick("data.masks_split=few")).roles
    assert [record.name for record in roles.masks] == ["picture_02"]


def test_a_weights_file_decides_the_frame(shapes: Path, tmp_path: Path) -> None:
    file = tmp_path / "vgg.safetensors"
    state = {key: value.half() for key, value in VGG().state_dict().items()}
    save_file(state, file, {"input": "BGR, 0-255, minus (1, 2, 3), no scaling"})
    plan = make_plan(shapes, quick("preset=light", f"classifier.weights={file}"))
    assert plan.frame.mean == (1, 2, 3)
    assert plan.frame.channel_order == "BGR"
    assert plan.side == 160


def test_weights_of_another_network_are_refused_in_one_short_line(
    shapes: Path, tmp_path: Path
) -> None:
    file = tmp_path / "vgg.safetensors"
    state = VGG().state_dict()
    del state["features.2.bias"]
    state["features.28.weight"] = state["features.28.weight"][:5].clone()
    save_file(state, file, {"input": "BGR, 0-255, minus (1, 2, 3), no scaling"})
    with pytest.raises(ModelError) as refused:
        train(shapes, out=tmp_path / "run", settings=quick("preset=light", f"{WEIGHTS}={file}"))
    assert str(refused.value) == (
        f"{file}: features.2.bias is the first of 2 tensors that differ from the convolutions of "
        "preset light; give VGG-16's under torchvision's names, or classifier.weights=none"
    )
    assert not (tmp_path / "run").exists()


def test_faults_are_named_before_anything_is_written(shapes: Path) -> None:
    with pytest.raises(DataError, match="there is no class 'dics'; did you mean 'disc'"):
        make_plan(shapes, quick("data.classes=dics"))
    with pytest.raises(DataError, match="there is no split 'vall'; did you mean 'val'"):
        make_plan(shapes, quick("data.validation_split=vall"))
    with pytest.raises(
        SettingsError, match=r"^side = 64: a side of preset light must .* at least 96"
    ):
        make_plan(shapes, quick("preset=light", "side=64"))
    with pytest.raises(ModelError, match=r"w\.safetensors: there is no such weights file"):
        make_plan(shapes, quick("classifier.weights=w.safetensors"))


@pytest.mark.parametrize("share", [0, 0.1])  # of four images, none
def test_thresholds_without_tags_to_choose_them_by_are_refused(share: float, shapes: Path) -> None:
    chosen = "prediction.threshold_choice=calibrated"
    with pytest.raises(
        SettingsError,
        match=rf'"calibrated" chooses by .*\.calibration_share = {share} keeps none; set data\.',
    ):
        make_plan(shapes, quick(chosen, f"data.calibration_share={share}"))
    assert make_plan(shapes, quick(chosen, "data.calibration_share=0.5")).roles.calibration


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_absent_is_refused(shapes: Path) -> None:
    with pytest.raises(DeviceError, match="finds no GPU on this machine"):
        make_plan(shapes, quick("compute.device=cuda"))


def test_a_step_of_one_image_is_refused_where_the_inner_grid_is_one_value(shapes: Path) -> None:
    one = "segmenter.images_per_step=1"
    with pytest.raises(
        SettingsError,
        match=r"^segmenter: 1 image in a step, but batch normalisation needs at least 2 in windows "
        r"of 32 pixels, where preset tiny has an inner grid of 1 x 1; set "
        r"segmenter\.images_per_step=2 with segmenter\.images_per_update a multiple of 2, or "
        r"segmenter\.side=64 or more$",
    ):
        make_plan(shapes, quick("side=32", one))
    assert make_plan(shapes, quick("side=32"))
    assert make_plan(shapes, quick("side=32", "segmenter.side=64", one))


def test_the_step_of_stage_3_is_looked_at_in_its_own_windows(shapes: Path) -> None:
    one = ("self_training.enabled=true", "self_training.images_per_step=1")
    with pytest.raises(
        SettingsError,
        match=r"^self_training: 1 image in a step, but batch normalisation needs at least 2 in "
        r"windows of 32 pixels, .* set self_training\.images_per_step=2 with "
        r"self_training\.images_per_update a multiple of 2, or self_training\.side=64 or more$",
    ):
        make_plan(shapes, quick("self_training.side=32", *one))
    assert make_plan(shapes, quick("side=32", "self_training.side=64", *one)).student_side == 64
    assert make_plan(shapes, quick("segmenter.side=64", *one)).student_side == 64
    assert make_plan(shapes, quick("self_training.side=32", "self_training.images_per_step=1"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ((), "segmenter: images_per_update = 4 is no multiple of images_per_step = 1 times 3"),
        (
            ("segmenter.images_per_update=3", "self_training.enabled=true"),
            "self_training: images_per_update = 8 is no multiple of images_per_step = 2 times 3",
        ),
    ],
)
def test_an_update_that_the_devices_cannot_share_is_refused_beforehand(
    changes: tuple[str, ...], message: str, shapes: Path
) -> None:
    with pytest.raises(TrainingError, match=f"^{re.escape(message)} devices"):
        make_plan(shapes, quick("compute.devices=3", *changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ("segmenter.held_out=0.95", "segmenter.patience=2"),
            "segmenter.held_out = 0.95 of 6 masks leaves none to train from; add masks, lower it, "
            "or train a fixed number of updates without held_out and patience",
        ),
        (
            ("self_training.enabled=true", "self_training.held_out=0.95"),
            "self_training.held_out = 0.95 of 6 masks leaves none to train from; add masks, lower "
            "it, or set self_training.enabled=false",
        ),
    ],
)
def test_holding_out_every_mask_is_refused_beforehand(
    changes: tuple[str, ...], message: str, shapes: Path
) -> None:
    with pytest.raises(TrainingError, match=f"^{re.escape(message)}$"):
        make_plan(shapes, quick(*changes))


def test_training_windows_have_a_side_of_their_own(shapes: Path) -> None:
    plan = make_plan(shapes, quick("side=128", "segmenter.side=96"))
    assert (plan.side, plan.window_side) == (128, 96)
    assert plan.window_cost == make_plan(shapes, quick()).cost
    assert plan.cost.segmenter > plan.window_cost.segmenter
    assert masked_images(plan, plan.roles.masks)[0].image.shape == (3, 96, 96)
    assert tagged_images(plan)[0].image.shape == (3, 128, 128)
    assert expected_seconds(plan, 1.4)[1] == expected_seconds(make_plan(shapes, quick()), 1.4)[1]


@pytest.mark.parametrize(
    ("name", "side", "fault"),
    [
        ("side", 33, "must be a multiple of 32 and at least 96; the nearest is 96"),
        ("segmenter.side", 64, "must be a multiple of 32 and at least 96; the nearest is 96"),
        ("self_training.side", 130, "must be a multiple of 32 and at least 96; the nearest is 128"),
    ],
)
def test_a_side_that_the_preset_does_not_take_is_refused_by_its_name(
    name: str, side: int, fault: str, shapes: Path
) -> None:
    message = rf"^{name} = {side}: a side of preset light {fault}$"
    with pytest.raises(SettingsError, match=message):
        make_plan(shapes, quick("preset=light", f"{name}={side}"))


def test_images_without_a_mask_have_the_tags_that_the_run_may_use(shapes: Path) -> None:
    plan = make_plan(shapes, quick())
    tags = {record.name: record.tags for record in plan.catalogue.records}

    unmasked = {record.name: record.tags for record in plan.unmasked}

    assert sorted(unmasked) == [f"picture_{number:02d}" for number in range(8, 12)]
    assert unmasked == {name: tags[name] for name in unmasked}
    unknown = replace(plan, tags=(None, *plan.tags[1:-1], None))
    assert len(unknown.unmasked) == 3
    assert make_plan(shapes, quick("data.tags_split=strong")).unmasked == ()


def test_images_of_which_a_learnt_class_is_unsaid_are_not_told_to_the_teacher(shapes: Path) -> None:
    plan = make_plan(shapes, quick("data.classes=frame,disc"))
    first = plan.unmasked[0]
    place = [record.name for record in plan.roles.tags].index(first.name)

    def unmasked(unsaid: set[str]) -> set[str]:
        record = replace(plan.roles.tags[place], unsaid=frozenset(unsaid))
        tags = (*plan.roles.tags[:place], record, *plan.roles.tags[place + 1 :])
        changed = replace(
            plan,
            roles=replace(plan.roles, tags=tags),
            tags=tuple(
                frozenset({"disc"}) if number == place else names
                for number, names in enumerate(plan.tags)
            ),
        )
        return {record.name for record in changed.unmasked}

    everything = {record.name for record in plan.unmasked}
    assert unmasked({"disc"}) == everything  # it is tagged all the same
    assert unmasked({"zigzag"}) == everything  # it is not learnt
    assert unmasked({"disc", "frame"}) == everything - {first.name}
