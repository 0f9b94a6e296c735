import re

import pytest
import torch

from decouplednet.benchmark.original import own_maps, passes_of
from decouplednet.benchmark.stages import operations_of
from decouplednet.benchmark.subject import Subject
from decouplednet.networks.presets import fast, skip
from tests.networks.test_presets import parameters


def test_fast_has_skip_s_classifier_and_a_narrower_bridge_and_decoder_that_ends_earlier() -> None:
    with torch.device("meta"):
        network, like = fast(20), skip(20)

    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert parameters(network.classifier) == parameters(like.classifier)
    assert shapes["bridge.layers.0.0.weight"] == (256, 2 * 512 + 2, 3, 3)
    assert shapes["bridge.layers.1.0.weight"] == (128, 256, 3, 3)
    kernels = [shape for key, shape in shapes.items() if re.match(r"decoder\.l.*\.0\.weight", key)]
    assert kernels == [
        (96, 512, 1, 1),
        (64, 512, 1, 1),
        (48, 256, 1, 1),
        (160, 128 + 96, 3, 3),
        (160, 160, 3, 3),
        (96, 160 + 64, 3, 3),
        (64, 96 + 48, 3, 3),
    ]
    assert shapes["decoder.score.weight"] == (2, 64, 1, 1)


@pytest.mark.slow
def test_an_image_of_three_classes_costs_fast_a_tenth_of_vgg16_s_operations() -> None:
    def operations(name: str, side: int) -> float:
        subject = Subject(name, 6, side, None, torch.device("cpu"))
        network, image = subject.network, subject.image
        return operations_of(lambda: own_maps(network, image, passes_of(3, 6)))

    fast_at_208 = operations("fast", 208)
    assert fast_at_208 < operations("vgg16", 320) / 10
    assert fast_at_208 < 0.75 * operations("skip", 208)
