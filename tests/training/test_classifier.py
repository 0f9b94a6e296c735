"""What stage 1 may change."""

import copy
from pathlib import Path

import torch

from decouplednet.training import classifier as stage1
from decouplednet.training.start import start_network
from tests.training.conftest import changed_parts, start


def test_stage_1_changes_the_classifier_alone_and_then_freezes_it(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path)
    before = copy.deepcopy(network.state_dict())
    stage1.train_classifier(network, plan, folder)
    changed = changed_parts(before, network.state_dict())
    assert changed
    assert all(key.startswith("classifier.") for key in changed)
    assert not network.classifier.training
    assert not any(parameter.requires_grad for parameter in network.classifier.parameters())


def test_frozen_groups_stay_as_they_are(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(
        shapes, tmp_path, "classifier.trained_groups=1", "compute.cache_gigabytes=0"
    )
    before = copy.deepcopy(network.state_dict())
    stage1.train_classifier(network, plan, folder)
    changed = changed_parts(before, network.state_dict())
    last = {
        id(parameter)
        for layer in network.classifier.encoder.group(4)
        for parameter in layer.parameters()
    }
    learnt = {name for name, parameter in network.named_parameters() if id(parameter) in last}
    assert {
        key for key in changed if ".encoder." in key and "running" not in key and "num_" not in key
    } == learnt


def test_a_finished_stage_1_is_read_back(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(shapes, tmp_path)
    stage1.train_classifier(network, plan, folder)
    again = start_network(plan)
    stage1.train_classifier(again, plan, folder)
    assert not changed_parts(network.state_dict(), again.state_dict())


def test_accumulated_steps_make_the_updates_of_one_large_step(shapes: Path, tmp_path: Path) -> None:
    # Without dropout and statistics of batches, which are drawn and taken for each step.
    changes = (
        *("classifier.trained_groups=0", "classifier.dropout=0", "classifier.optimizer=sgd"),
        *("classifier.images_per_update=6", "classifier.updates=3", "classifier.learning_rate=0.1"),
    )

    def learnt(images_per_step: int) -> dict[str, torch.Tensor]:
        network, plan, folder = start(
            shapes,
            tmp_path / str(images_per_step),
            *changes,
            f"classifier.images_per_step={images_per_step}",
        )
        before = copy.deepcopy(network.classifier.head.state_dict())
        stage1.train_classifier(network, plan, folder)
        after = network.classifier.head.state_dict()
        return {name: after[name] - before[name] for name in after}

    whole, parts = learnt(6), learnt(2)

    assert all(change.abs().max() > 1e-4 for change in whole.values())
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)
