"""Which pixels are near a border, and that the stages count them as their settings say."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from decouplednet.dataset.masked import MaskedExample
from decouplednet.dataset.mixed import MixedExample
from decouplednet.networks.decouplednet import freeze
from decouplednet.stage_settings import SegmenterSettings, SelfTrainingSettings
from decouplednet.training.borders import border_weights, pixel_weights
from decouplednet.training.losses import mask_loss
from decouplednet.training.segmenter import masked_images
from decouplednet.training.stages import MaskStage
from decouplednet.training.student import StudentStage
from tests.training.conftest import start


def reading(target: Tensor, width: int, weight: float) -> Tensor:
    """Return the weights of (M, H, W) pixels, looking around each of them."""
    maps, height, length = target.shape
    weights = torch.zeros(target.shape)
    for image in range(maps):
        for row in range(height):
            for column in range(length):
                kind = int(target[image, row, column])
                if kind == 255:
                    continue
                around = {
                    int(target[image, y, x])
                    for y in range(max(0, row - width), min(height, row + width + 1))
                    for x in range(max(0, column - width), min(length, column + width + 1))
                }
                weights[image, row, column] = 1 + weight * ({0: 1, 1: 0}[kind] in around)
    return weights


@pytest.mark.parametrize("width", [1, 2, 4])
def test_weights_match_a_reading_pixel_by_pixel(width: int) -> None:
    rng = torch.Generator().manual_seed(width)
    target = torch.zeros(3, 17, 23, dtype=torch.uint8)
    target[0, 4:11, 6:15] = 1
    target[0, 4:11, 13:15] = 255  # the border on the right is ignored
    target[1] = (torch.rand(17, 23, generator=rng) < 0.03).to(torch.uint8)
    target[2, 3:, 9:] = 1
    target[2, 2] = 255

    weights = border_weights(target, width=width, weight=2.5)

    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, reading(target, width, 2.5), atol=0, rtol=0)
    assert {0.0, 1.0, 3.5} == set(weights.flatten().tolist())


@pytest.mark.parametrize("kind", [0, 1, 255])
def test_a_map_of_one_kind_has_no_border(kind: int) -> None:
    target = torch.full((1, 5, 7), kind, dtype=torch.uint8)

    weights = border_weights(target, width=2, weight=3.0)

    assert (weights == (0 if kind == 255 else 1)).all()


def test_without_a_weight_there_are_no_weights() -> None:
    target = torch.zeros(1, 5, 7, dtype=torch.uint8)
    target[:, 2] = 1

    assert pixel_weights(target, SegmenterSettings()) is None
    given = SegmenterSettings(border_weight=1.5, border_width=1)
    torch.testing.assert_close(pixel_weights(target, given), reading(target, 1, 1.5))
    wider = given.model_copy(update={"border_width": 2})
    torch.testing.assert_close(pixel_weights(target, wider), reading(target, 2, 1.5))


def test_the_settings_reach_the_loss_of_stage_2(shapes: Path, tmp_path: Path) -> None:
    network, plan, _ = start(
        shapes, tmp_path, "segmenter.border_weight=4", "segmenter.border_width=3"
    )
    freeze(network)
    examples = masked_images(plan, plan.roles.masks)
    batch: MaskedExample = default_collate([examples[draw] for draw in range(3)])

    loss = MaskStage(network, plan.settings.segmenter, seed=0).loss(batch)

    score = network(batch.image, batch.asked)
    weights = reading(batch.target, 3, 4.0)
    torch.testing.assert_close(loss, mask_loss(score, batch.target, pixels=weights))
    assert not torch.isclose(loss, mask_loss(score, batch.target))


def test_the_settings_reach_the_loss_of_stage_3(shapes: Path, tmp_path: Path) -> None:
    network, plan, _ = start(shapes, tmp_path)
    freeze(network)
    examples = masked_images(plan, plan.roles.masks)
    batch = MixedExample(
        default_collate([examples[draw] for draw in range(3)]), torch.tensor([1.0, 0.5, 0.25])
    )
    settings = SelfTrainingSettings(
        tag_weight=0, position_weight=0, border_weight=4, border_width=3
    )

    loss = StudentStage(network, settings, weight=torch.ones(3), seed=0).loss(batch)

    score, target = network(batch.example.image, batch.example.asked), batch.example.target
    expected = mask_loss(score, target, batch.weight, reading(target, 3, 4.0))
    torch.testing.assert_close(loss, expected)
