"""What stage 2 may change, and which masks it keeps to decide when to stop."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from decouplednet.annotations.record import Record
from decouplednet.dataset.masked import MaskedImages
from decouplednet.errors import TrainingError
from decouplednet.inference.predictor import Predictor
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training import segmenter as stage2
from decouplednet.training.curve import read_curve
from decouplednet.training.plan import Plan
from decouplednet.training.pseudo_masks import Belief, choose_belief
from decouplednet.training.segmenter import FirstDraws, masked_images, split_held_out
from decouplednet.training.stages import MaskStage
from tests.training.conftest import STUDY, changed_parts, same, start

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_stage_2_changes_neither_weight_nor_statistic_of_the_classifier(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(
        shapes,
        tmp_path,
        "segmenter.statistics_batches=2",
        "segmenter.held_out=0.3",
        "segmenter.patience=9",
    )
    freeze(network.classifier)
    before = copy.deepcopy(network.state_dict())
    loss, training = MaskStage.loss, []

    def watch(stage: MaskStage, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        training.append(any(part.training for part in stage.network.classifier.modules()))
        return loss(stage, batch)  # type: ignore[arg-type]  # three tensors

    monkeypatch.setattr(MaskStage, "loss", watch)
    stage2.train_segmenter(network, plan, folder)
    changed = changed_parts(before, network.state_dict())
    kept = {key for key in before if key.startswith("classifier.")}
    assert not changed & kept
    assert {key.rpartition(".")[2] for key in kept} >= set(STATISTICS)
    for part in ("bridge.", "decoder."):
        assert {key.rpartition(".")[2] for key in changed if key.startswith(part)} >= {
            "weight",
            *STATISTICS,
        }
    assert training == [False, False, False]
    assert not any(part.training for part in network.modules())


def test_held_out_masks_are_a_share_that_the_seed_fixes(shapes: Path, tmp_path: Path) -> None:
    _, plan, _ = start(shapes, tmp_path)
    records = plan.roles.masks

    train, held_out = split_held_out(records, 0.4, 7)

    assert (len(train), len(held_out)) == (4, 2)
    assert sorted(record.name for record in train + held_out) == [one.name for one in records]
    assert split_held_out(records, 0.4, 7) == (train, held_out)
    assert any(split_held_out(records, 0.4, seed)[1] != held_out for seed in range(8))
    assert len(split_held_out(records, 0.01, 7)[1]) == 1
    assert [list(part) for part in split_held_out(records, 0, 7)] == [list(records), []]


def test_holding_out_every_mask_is_refused(shapes: Path, tmp_path: Path) -> None:
    _, plan, _ = start(shapes, tmp_path)
    with pytest.raises(
        TrainingError, match=r"held_out = 0\.9 of 2 masks .* add masks, lower it, or"
    ):
        split_held_out(plan.roles.masks[:2], 0.9, 0)
    with pytest.raises(TrainingError, match=r"held_out = 0\.1 of 1 mask .* add masks, or train a"):
        split_held_out(plan.roles.masks[:1], 0.1, 0)


def test_first_draws_are_those_of_the_stream_and_the_same_each_time(
    shapes: Path, tmp_path: Path
) -> None:
    _, plan, _ = start(shapes, tmp_path)
    stream = masked_images(plan, plan.roles.masks)
    draws = FirstDraws(stream, 3)

    assert len(draws) == 3
    for draw in range(3):
        for one, other in zip(draws[draw], stream[draw], strict=True):
            assert torch.equal(one, other)


def test_before_a_stage_3_the_second_round_goes_on_with_all_masks(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(
        shapes, tmp_path, *STUDY, "segmenter.updates=5", "self_training.held_out=0.3"
    )
    freeze(network.classifier)
    learnt: list[tuple[set[str], int]] = []
    told: list[dict[str, torch.Tensor]] = []
    masked, choose = masked_images, choose_belief

    def note(plan: Plan, records: list[Record], **given: Any) -> MaskedImages:
        learnt.append(({record.name for record in records}, given["seed"]))
        return masked(plan, records, **given)

    def look(predictor: Predictor, *given: Any, **more: Any) -> Belief:
        told.append({name: value.clone() for name, value in network.state_dict().items()})
        return choose(predictor, *given, **more)

    monkeypatch.setattr(stage2, "masked_images", note)
    monkeypatch.setattr(stage2, "choose_belief", look)

    stage2.train_segmenter(network, plan, folder)

    every = {record.name for record in plan.roles.masks}
    held_out = {record.name for record in stage2.split_for_segmenter(plan)[1]}
    assert len(held_out) == 2
    assert learnt == [(every - held_out, 0), (every, 10**6)]
    rows = [str(row["stage"]) for row in read_curve(folder.curves)]
    assert rows == 3 * ["segmenter-1"] + 2 * ["segmenter"]
    (teacher,) = told
    first = load_file(folder.learnt("segmenter-1"))
    assert all(torch.equal(teacher[name], value) for name, value in first.items())
    assert changed_parts(teacher, network.state_dict())
    again, _, _ = start(shapes, tmp_path, *STUDY)
    told.clear()
    stage2.train_segmenter(again, plan, folder)
    assert not told  # nothing is chosen or trained anew
    assert same(_segmenter(again), _segmenter(network))


def _segmenter(network: DecoupledNet) -> dict[str, torch.Tensor]:
    state = network.state_dict()
    return {name: state[name] for name in state if not name.startswith("classifier.")}


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [
        ({"updates": 7}, {"updates": 4}, {"updates": 3}),
        ({"updates": 1}, {"updates": 1}, {"updates": 1}),
        ({"minutes": 3.0}, {"minutes": 1.5}, {"minutes": 1.5}),
        (
            {"held_out": 0.2, "patience": 4},
            {"held_out": 0.2, "patience": 4},
            {"held_out": 0.0, "patience": None},
        ),
    ],
)
def test_rounds_of_stage_2_share_its_budget_and_only_the_first_stops_early(
    given: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    settings = SegmenterSettings(**given)
    for number, expected in ((1, first), (2, second)):
        of_round = stage2._half(settings, number)
        assert {name: getattr(of_round, name) for name in expected} == expected
