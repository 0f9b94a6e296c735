"""Stage 3: what learns, from what, and that stopping it changes nothing."""

import copy
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from decouplednet.annotations.masks import write_mask
from decouplednet.dataset.mixed import MixedExample
from decouplednet.errors import TrainingError
from decouplednet.inference.predictor import Predictor
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.saliency import tag_weights
from decouplednet.stage_settings import SelfTrainingSettings
from decouplednet.training import pseudo_masks, self_training
from decouplednet.training.announcement import describe
from decouplednet.training.curve import read_curve
from decouplednet.training.losses import mask_loss, position_loss, tag_loss
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.pseudo_masks import CERTAINTIES, teacher
from decouplednet.training.run import train
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.segmenter import split_for_segmenter
from decouplednet.training.self_training import train_student, unfreeze
from decouplednet.training.start import start_network
from decouplednet.training.student import StudentStage
from tests.training.conftest import (
    STUDY,
    changed_parts,
    quick,
    same,
    start,
    train_until,
    weights_of,
)

pytestmark = pytest.mark.usefixtures("bold")


def test_stage_3_changes_the_last_groups_the_head_the_bridge_and_the_decoder_alone(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    before = copy.deepcopy(network.state_dict())

    train_student(network, plan, folder)

    changed = changed_parts(before, network.state_dict())
    still = {
        name
        for group in range(3)
        for layer in network.classifier.encoder.group(group)
        for name, _ in _named(network, layer)
    }
    weights = {name for name, _ in network.named_parameters()}
    assert weights - changed <= still
    assert not changed & still
    assert not any(part.training for part in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def _named(network: DecoupledNet, layer: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    of_layer = {id(tensor) for tensor in (*layer.parameters(), *layer.buffers())}
    every = (*network.named_parameters(), *network.named_buffers())
    return [(name, tensor) for name, tensor in every if id(tensor) in of_layer]


def test_statistics_of_the_bridge_follow_an_encoder_that_learns(
    shapes: Path, tmp_path: Path
) -> None:
    network, _, _ = start(shapes, tmp_path, *STUDY)
    norms = [network.get_submodule(f"bridge.{name}_norm") for name in ("pool5", "saliency")]
    assert [norm.momentum for norm in norms] == [None, None]

    unfreeze(network, 2)

    assert [norm.momentum for norm in norms] == [0.1, 0.1]


def test_statistics_of_the_classifier_stand_still_in_stage_3(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    kept = {
        name: buffer.clone()
        for name, buffer in network.named_buffers()
        if name.startswith("classifier.")
    }
    assert kept  # the tiny network normalises batches in its encoder

    train_student(network, plan, folder)

    now = dict(network.named_buffers())
    assert all(torch.equal(now[name], buffer) for name, buffer in kept.items())


def _batch(plan: Plan, folder: RunFolder, network: DecoupledNet) -> MixedExample:
    from torch.utils.data import default_collate

    from decouplednet.dataset.mixed import MixedImages
    from decouplednet.training.segmenter import masked_images

    drawn = masked_images(plan, plan.roles.masks)
    mixed = MixedImages(drawn, drawn, drawn_share=0.5, pseudo_weight=0.25)
    batch: MixedExample = default_collate([mixed[draw] for draw in range(4)])
    return batch


def test_the_loss_is_the_weighted_sum_of_tags_positions_and_pixels(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    freeze(network)  # batch statistics would differ between the two computations
    batch = _batch(plan, folder, network)
    example = batch.example
    settings = SelfTrainingSettings(tag_weight=0.3, position_weight=0.7)
    weight = torch.tensor([1.0, 2.0, 3.0])

    loss = StudentStage(network, settings, weight=weight, seed=0).loss(batch)

    with torch.no_grad():
        scores = torch.stack([network.classifier(one[None])[0] for one in example.image])
        traced = network.classifier.trace(example.image)
        seed = tag_weights(scores.sigmoid(), example.asked)
        g = network.activation(traced, torch.arange(4), seed)
        pixels = network.decode(g, traced, torch.arange(4))
        h, w = traced.encoded.pool5.shape[2:]
        expected = (
            mask_loss(pixels, example.target, torch.tensor([0.25, 1.0, 0.25, 1.0]))
            + 0.3 * tag_loss(scores, example.tags, weight)
            + 0.7 * position_loss(traced.head.score_map, example.mask, (h, w))
        )
    torch.testing.assert_close(loss.detach(), expected)


@pytest.mark.parametrize("weight", ["tag_weight", "position_weight"])
def test_each_weight_counts(weight: str, shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    freeze(network)
    batch = _batch(plan, folder, network)

    losses = [
        float(
            StudentStage(
                network, SelfTrainingSettings(**{weight: value}), weight=torch.ones(3), seed=0
            ).loss(batch)
        )
        for value in (0.0, 1.0)
    ]

    assert losses[0] < losses[1]


def test_gradients_reach_what_learns_and_f_cls_has_none(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    batch = _batch(plan, folder, network)
    unfreeze(network, 2)
    settings = SelfTrainingSettings(tag_weight=0.0, position_weight=0.0)

    StudentStage(network, settings, weight=torch.ones(3), seed=0).loss(batch).backward()  # type: ignore[no-untyped-call]  # torch

    learnt = {name for name, one in network.named_parameters() if one.grad is not None}
    assert any(name.startswith("classifier.encoder.") for name in learnt)  # through pool5
    head = [one.grad for one in network.classifier.head.parameters()]
    assert all(grad is None or not grad.any() for grad in head)  # the head gives f_cls alone


def test_stage_2_leaves_out_the_masks_that_choose_the_belief(shapes: Path, tmp_path: Path) -> None:
    _, plan, _ = start(shapes, tmp_path, *STUDY, "self_training.held_out=0.3")

    train_part, held_out = split_for_segmenter(plan)

    assert len(held_out) == 2
    assert set(train_part) | set(held_out) == set(plan.roles.masks)
    assert split_for_segmenter(start(shapes, tmp_path)[1])[1] == ()


def test_the_network_after_stage_2_is_the_teacher_and_becomes_the_student(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    before, teach = copy.deepcopy(network.state_dict()), pseudo_masks.teacher
    taught = list[dict[str, torch.Tensor]]()

    def note(network: DecoupledNet, plan: Plan) -> Predictor:
        taught.append(copy.deepcopy(network.state_dict()))
        return teach(network, plan)

    monkeypatch.setattr(self_training, "teacher", note)
    train_student(network, plan, folder)

    assert len(taught) == 1
    assert same(taught[0], before)
    assert same(load_file(folder.learnt("student")), network.state_dict())
    assert not same(network.state_dict(), before)


@pytest.fixture(scope="module")
def studied(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three stages that went through."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(shapes, out=out, settings=quick(*STUDY))
    return out


def test_a_run_of_three_stages_says_so(studied: Path) -> None:
    facts = json.loads((studied / "run.json").read_text())
    stages = {str(row["stage"]) for row in read_curve(studied / "curves.csv")}

    assert list(facts["seconds"])[:4] == ["classifier", "segmenter", "pseudo-masks", "student"]
    assert stages == {"classifier", "segmenter-1", "segmenter", "student"}
    assert facts["belief"]["certainty"] in CERTAINTIES
    assert 0 <= facts["belief"]["right"] <= 1
    assert not (studied / "checkpoints").exists()


@pytest.mark.parametrize("update", [0, 3])
def test_a_run_stopped_in_stage_3_ends_as_one_without_interruption(
    update: int, shapes: Path, studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    train_until(("student", update), shapes, out, quick(*STUDY), monkeypatch)

    train(shapes, out=out, resume=True)

    assert same(weights_of(studied), weights_of(out))
    assert read_curve(out / "curves.csv") == read_curve(studied / "curves.csv")


def test_a_run_stopped_among_its_pseudo_masks_ends_as_one_without_interruption(
    shapes: Path, studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = write_mask, list[Path]()

    def stop(path: Path, mask: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, mask)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(pseudo_masks, "write_mask", stop)
        with pytest.raises(KeyboardInterrupt):
            train(shapes, out=out, settings=quick(*STUDY))
    assert len(list((out / "checkpoints" / "pseudo_masks").rglob("*.png"))) == 2

    train(shapes, out=out, resume=True)

    assert same(weights_of(studied), weights_of(out))


def test_where_a_network_is_sure_of_nothing_the_masks_alone_train_and_nothing_is_lost(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    monkeypatch.setattr(pseudo_masks, "pseudo_mask", lambda told, *_: 0 * told.label_map + 255)

    with caplog.at_level(logging.WARNING):
        train_student(network, plan, folder)

    assert caplog.messages == [
        "stage 3: the network is sure of no class on any of 4 tagged images, so that drawn masks "
        "alone train it; more masks or more updates of stage 2 may help"
    ]
    assert folder.learnt("student").exists()


_NOT_A_BELIEF = (
    r"not what a run writes: expected numbers from 0 to 1 under certainty, right, believed and, "
    r"for each class, under doubt; remove it, and pseudo_masks beside it$"
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read: .*; remove it, and pseudo_masks beside it$"),
        ("[0.5]", _NOT_A_BELIEF),
        ('{"certainty": 0.5, "right": 1, "believed": 1}', _NOT_A_BELIEF),
        ('{"certainty": 0.5, "right": 1, "believed": 1, "doubt": 0.1}', _NOT_A_BELIEF),
        ('{"certainty": 0.5, "right": 1, "believed": 1, "doubt": {"disc": 0.1}}', _NOT_A_BELIEF),
        ('{"certainty": "0.5", "right": 1, "believed": 1, "doubt": {}}', _NOT_A_BELIEF),
        *(
            (
                f'{{"certainty": 0.5, "right": {right}, "believed": 1, "doubt": {{"disc": {doubt}, '
                '"bar": 0.1, "frame": 0.1}}',
                _NOT_A_BELIEF,
            )
            for right, doubt in (("NaN", 0.1), (1, "true"), (1, -5), (1.5, 0.1))
        ),
    ],
    ids=[
        *("cut", "list", "no doubt", "one doubt", "classes missing", "words"),
        *("not a number", "true", "negative", "too large"),
    ],
)
def test_a_damaged_belief_is_refused(
    content: str, message: str, shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY)
    folder.belief.write_text(content)

    with pytest.raises(TrainingError, match=rf"belief\.json: {message}"):
        train_student(network, plan, folder)


def test_where_every_tagged_image_has_a_mask_the_masks_alone_train_the_whole_network(
    shapes: Path, tmp_path: Path
) -> None:
    changes = (*STUDY, "data.tags_split=strong")
    network, plan, folder = start(shapes, tmp_path, *changes)
    assert len(split_for_segmenter(plan)[0]) == len(plan.roles.masks)  # nothing is held out
    told = dict(describe(plan, 1e9))["stage 3, pseudo-masks"]
    assert told.endswith("; 0 images labelled, as every tagged image has a mask")
    before = {name: value.clone() for name, value in network.state_dict().items()}

    train_student(network, plan, folder)

    changed = changed_parts(before, network.state_dict())
    assert {name.split(".")[0] for name in changed} == {"classifier", "bridge", "decoder"}
    assert not folder.pseudo_masks.exists()
    assert not folder.belief.exists()


def test_labels_are_made_of_the_views_that_are_asked_for(shapes: Path) -> None:
    views = ("self_training.label_flip=true", "self_training.label_scales=[1.0, 2.0]")
    plain, plan = make_plan(shapes, quick(*STUDY)), make_plan(shapes, quick(*STUDY, *views))
    network = start_network(plan)
    side = plan.frame.side

    assert [view.frame.side for view in teacher(network, plain).views()] == [side]
    seen = {(view.frame.side, view.mirrored) for view in teacher(network, plan).views()}
    assert seen == {(size, flip) for size in (side, 2 * side) for flip in (False, True)}
