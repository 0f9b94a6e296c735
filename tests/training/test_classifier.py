"""What stage 1 may change."""

import copy
from pathlib import Path

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
