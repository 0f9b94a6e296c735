"""A peer is trained by the baselines' loop, resumed, and handed over as a method."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.peers import PEERS, start_peer, train_peer
from decouplednet.comparison.baselines.one_network import ClassStage
from decouplednet.comparison.baselines.prediction import PixelPredictor
from decouplednet.comparison.budget import of_each_cell
from decouplednet.comparison.cell import METHOD_NAME
from decouplednet.comparison.methods import METHODS
from decouplednet.errors import ModelError, SettingsError, TrainingError
from decouplednet.evaluation.evaluate import evaluate_records
from decouplednet.training.curve import read_curve
from decouplednet.training.plan import make_plan
from decouplednet.training.run import begin
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import Stage
from tests.benchmarks.small_peer import SMALL, SmallEncoder, small
from tests.training.conftest import changed_parts, quick


def test_a_peer_is_trained_and_handed_over_with_what_it_changed(
    shapes: Path, tmp_path: Path
) -> None:
    plan = make_plan(shapes, SMALL.settings(quick()))
    folder = RunFolder(tmp_path / "run")
    begin(folder, plan)
    contender = SMALL.train(plan, folder)

    weights = sum(weight.numel() for weight in small(3).parameters())
    assert (contender.parameters, contender.trained_parameters) == (weights, weights)
    assert contender.stages == ("one_network",)
    assert (contender.takes_tags, contender.has_tag_scores) == (True, False)
    assert len(read_curve(folder.curves)) == 3
    assert isinstance(contender.predictor, PixelPredictor)
    assert [view.mirrored for view in contender.predictor.views] == [False, True]
    told = evaluate_records(contender.predictor, plan.catalogue, plan.roles.validation, tags=True)
    assert told.images == 2


def test_a_peer_starts_from_the_seed_and_from_the_weights_of_the_run(shapes: Path) -> None:
    plan = make_plan(shapes, quick())
    one, same = (start_peer(small, plan).state_dict() for _ in range(2))
    other = start_peer(small, make_plan(shapes, quick("seed=1"))).state_dict()
    assert not changed_parts(one, same)
    assert "head.weight" in changed_parts(one, other)

    tensors = {name: torch.ones_like(each) for name, each in SmallEncoder().state_dict().items()}
    loaded = start_peer(small, replace(plan, pretrained=tensors))
    assert all(bool((weight == 1).all()) for weight in loaded.encoder.parameters())
    del tensors["features.0.bias"]
    with pytest.raises(ModelError, match=r"features\.0\.bias"):
        start_peer(small, replace(plan, pretrained=tensors))


def test_the_encoder_learns_at_a_rate_of_its_own(shapes: Path) -> None:
    plan = make_plan(shapes, quick())
    stage = ClassStage(start_peer(small, plan), plan.settings.segmenter, seed=0, encoder_rate=0.1)

    rates = {
        name.partition(".")[0]: stage.rate_of(name) for name, _ in stage.network.named_parameters()
    }
    assert rates == {"encoder": 0.1, "decoder": 1.0, "head": 1.0}
    assert stage.frozen == ""


def test_a_peer_that_was_stopped_ends_as_one_without_interruption(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(shapes, quick("segmenter.updates=5"))
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    expected = train_peer(small, plan, whole).network.state_dict()
    step = Stage.training_step

    def stop(module: Stage, batch: Any, batch_index: int) -> torch.Tensor:
        if module.global_step == 3:
            raise MemoryError
        return step(module, batch, batch_index)

    with monkeypatch.context() as patch:
        patch.setattr(Stage, "training_step", stop)
        with pytest.raises(MemoryError):
            train_peer(small, plan, stopped)
    resumed = train_peer(small, plan, stopped).network.state_dict()

    assert not changed_parts(expected, resumed)
    assert read_curve(stopped.curves) == read_curve(whole.curves)


def test_batch_statistics_of_decoder_and_head_are_estimated_again(
    shapes: Path, tmp_path: Path
) -> None:
    settings = quick("segmenter.statistics_batches=3")
    network = train_peer(small, make_plan(shapes, settings), RunFolder(tmp_path)).network

    assert network.state_dict()["decoder.join.1.num_batches_tracked"] == 3


def test_a_step_of_one_image_is_refused(shapes: Path, tmp_path: Path) -> None:
    plan = make_plan(shapes, quick("segmenter.images_per_step=1"))
    with pytest.raises(
        SettingsError,
        match=r"segmenter: 1 image in a step, but a peer's batch normalisation needs at least 2; "
        r"begin a comparison with a larger segmenter\.images_per_step",
    ):
        train_peer(small, plan, RunFolder(tmp_path))


def test_when_memory_runs_out_a_step_keeps_two_images(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never_fits(stage: ClassStage, batch: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(ClassStage, "loss", never_fits)
    with pytest.raises(TrainingError, match="memory ran out with 2 images, the fewest it takes"):
        train_peer(small, make_plan(shapes, quick()), RunFolder(tmp_path))


def test_all_minutes_of_a_cell_are_the_peers() -> None:
    its = SMALL.settings(of_each_cell(quick("minutes=10", "self_training.enabled=true")))

    assert its.segmenter.minutes == 10
    assert not its.self_training.enabled


def test_the_settings_of_a_peer_say_what_it_has_not_and_how_it_sees() -> None:
    common = quick("prediction.refinement=guided")
    for peer in PEERS:
        its = peer.settings(common)
        assert its.prediction.refinement == "none"
        assert its.prediction.flip
        assert not peer.settings(quick("prediction.flip=false")).prediction.flip


def test_the_peers_have_names_of_their_own() -> None:
    names = [peer.name for peer in PEERS]

    assert names == ["smp-unet", "smp-deeplabv3plus"]
    assert all(METHOD_NAME.fullmatch(name) for name in names)
    assert not set(names) & {method.name for method in METHODS}


def test_peers_say_that_no_step_size_of_their_own_was_tried() -> None:
    for method in PEERS:
        assert method.tuning.startswith(
            "nothing of its own, and no step size of its own was tried: schedule, windows and "
        )
