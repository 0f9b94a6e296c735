from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from decouplednet.annotations.masks import read_mask
from decouplednet.benchmark.ceiling import SHAPES, convolutions, operations
from decouplednet.benchmark.stages import STAGES, operations_of, stages_of
from decouplednet.benchmark.subject import HEIGHT, WIDTH, Subject
from decouplednet.networks.presets import preset_named
from decouplednet.training.estimate import cost_of
from tests.machine import needs_bytes


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_image_goes_through_all_stages(subject: Subject, count: int, tmp_path: Path) -> None:
    stages = stages_of(subject, count, tmp_path)
    for work in stages.values():
        work()

    of_classes = {"f_cls", "bridge", "decoder"}
    assert list(stages) == [name for name in STAGES if count or name not in of_classes]
    label_map = read_mask(tmp_path / "label_map.png")
    assert label_map.shape == (HEIGHT, WIDTH)
    assert set(label_map.ravel().tolist()) <= set(range(count + 1))


def test_operations_are_those_that_the_plan_of_a_training_counts(
    subject: Subject, tmp_path: Path
) -> None:
    cost = cost_of(preset_named("tiny"), 6, 64)

    of = {name: operations_of(work) for name, work in stages_of(subject, 1, tmp_path).items()}

    assert of["encoder"] == sum(cost.groups)
    assert of["head"] == cost.head
    assert of["bridge"] + of["decoder"] == cost.segmenter
    assert of["read"] == of["fuse"] == of["write"] == 0


def test_each_class_adds_one_pass(subject: Subject, tmp_path: Path) -> None:
    decoder = [operations_of(stages_of(subject, k, tmp_path)["decoder"]) for k in (1, 2, 3, 5)]

    assert [one / decoder[0] for one in decoder] == [1, 3, 4, 6]


def test_the_ceiling_is_of_convolutions_whose_operations_are_counted_rightly() -> None:
    found = convolutions(torch.device("cpu"), torch.bfloat16)

    assert len(found) == len(SHAPES)
    (convolve, counted), *_ = found.values()
    assert operations_of(convolve) == counted
    with torch.device("meta"):
        x, weight = torch.empty(2, 5, 4, 4), torch.empty(5, 5, 3, 3)
    assert operations_of(lambda: F.conv2d(x, weight, padding=1)) == operations(2, 5, 4)


@needs_bytes
def test_the_ceiling_of_8_bits_is_of_bytes() -> None:
    found = convolutions(torch.device("cpu"), torch.int8)

    assert list(found) == list(convolutions(torch.device("cpu"), None))
    (convolve, counted), *_ = found.values()
    made = convolve()
    assert isinstance(made, torch.Tensor)
    assert made.dtype == torch.uint8
    assert made.shape == (4, 64, 160, 160)
    assert counted == operations(4, 64, 160)
