"""Classes that tags rule out are no rivals, in training as in prediction."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from decouplednet.dataset.masked import MaskedExample
from decouplednet.dataset.mixed import MixedExample
from decouplednet.inference.predictor import Predictor
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.stage_settings import SelfTrainingSettings
from decouplednet.training.plan import Plan
from decouplednet.training.segmenter import masked_images
from decouplednet.training.stages import MaskStage
from decouplednet.training.student import StudentStage
from tests.training.conftest import start


def prepare(shapes: Path, tmp_path: Path) -> tuple[DecoupledNet, Plan]:
    torch.manual_seed(1)
    network, plan, _ = start(shapes, tmp_path, "preset=tiny-skip")
    torch.nn.init.normal_(network.get_parameter("classifier.head.score.weight"), std=0.05)
    freeze(network)
    return network, plan


def raise_scores(network: DecoupledNet, classes: torch.Tensor) -> None:
    """Let the network see some classes, (L,) bool, at every position of every image."""
    with torch.no_grad():
        network.get_parameter("classifier.head.score.bias")[classes] += 50


def one_window(plan: Plan) -> tuple[MaskedExample, torch.Tensor]:
    """Return a batch of one window, and the classes that are not on its image."""
    examples = masked_images(plan, plan.roles.masks)
    found = next(one for draw in range(50) if (~(one := examples[draw]).present).any())
    batch: MaskedExample = default_collate([found])
    return batch, ~batch.present[0]


def test_stage_2_learns_without_classes_that_are_not_on_the_image(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan = prepare(shapes, tmp_path)
    batch, absent = one_window(plan)
    stage = MaskStage(network, plan.settings.segmenter, seed=0)
    before = stage.loss(batch)

    raise_scores(network, absent)

    assert torch.equal(stage.loss(batch), before)


def test_stage_3_learns_regions_without_them_too(shapes: Path, tmp_path: Path) -> None:
    network, plan = prepare(shapes, tmp_path)
    example, absent = one_window(plan)
    batch = MixedExample(example, torch.ones(1))
    pixels_alone = SelfTrainingSettings(tag_weight=0, position_weight=0)
    stage = StudentStage(network, pixels_alone, weight=torch.ones(3), seed=0)
    before = stage.loss(batch)

    raise_scores(network, absent)

    assert torch.equal(stage.loss(batch), before)


@pytest.mark.parametrize("tags", [{"disc"}, {"disc", "frame"}])
def test_given_tags_rule_the_other_classes_out(
    tags: set[str], shapes: Path, tmp_path: Path
) -> None:
    network, plan = prepare(shapes, tmp_path)
    predictor = Predictor(
        network=network, classes=plan.classes, frame=plan.frame, device=torch.device("cpu")
    )
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    before = predictor.predict([image], [tags])[0]

    raise_scores(network, torch.tensor([name not in tags for name in plan.classes]))
    after = predictor.predict([image], [tags])[0]

    assert after.scores != before.scores
    for name in tags:
        assert np.array_equal(after.class_maps[name], before.class_maps[name])
