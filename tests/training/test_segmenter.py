"""What stage 2 may change."""

import copy
from pathlib import Path

from decouplednet.networks.decouplednet import freeze
from decouplednet.training import segmenter as stage2
from tests.training.conftest import changed_parts, start


def test_stage_2_changes_neither_weight_nor_statistic_of_the_classifier(
    shapes: Path, tmp_path: Path
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
    stage2.train_segmenter(network, plan, folder)
    after = network.state_dict()
    changed = changed_parts(before, after)
    assert not [key for key in changed if key.startswith("classifier.")]
    assert [key for key in changed if key.startswith("bridge.")]
    assert [key for key in changed if key.startswith("decoder.")]
    assert any("running_mean" in key for key in after if key.startswith("classifier."))
    assert not network.training or not network.classifier.training
