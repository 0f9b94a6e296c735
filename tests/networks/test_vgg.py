import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.errors import ModelError
from decouplednet.networks.initialisation import gaussian
from decouplednet.networks.vgg import VGG, load_convolutions
from tests.networks.small import WIDTHS, images

# Where torchvision's vgg16 keeps its thirteen convolutions: a published fact, not our loop.
TORCHVISION_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
POOLED_AFTER = (2, 7, 14, 21, 28)


def test_keys_and_shapes_are_those_of_torchvision_s_vgg16() -> None:
    with torch.device("meta"):
        state = VGG().state_dict()

    keys = [f"features.{i}.{part}" for i in TORCHVISION_PLACES for part in ("weight", "bias")]
    assert list(state) == keys
    assert state["features.0.weight"].shape == (64, 3, 3, 3)
    assert state["features.28.weight"].shape == (512, 512, 3, 3)
    assert sum(tensor.numel() for tensor in state.values()) == 14_714_688


def test_pool5_and_switches_equal_a_plain_reading_of_the_layers() -> None:
    torch.manual_seed(0)
    vgg = VGG(WIDTHS)
    image = images(2)

    encoded = vgg(image)

    x = image
    switches: list[Tensor] = []
    state = vgg.state_dict()
    for i in TORCHVISION_PLACES:
        x = F.conv2d(x, state[f"features.{i}.weight"], state[f"features.{i}.bias"], padding=1)
        x = x.clamp(min=0)
        if i in POOLED_AFTER:
            x, origin = F.max_pool2d(x, 2, return_indices=True)
            switches.append(origin)
    torch.testing.assert_close(encoded.pool5, x)
    assert len(encoded.switches) == 5
    assert all(torch.equal(a, b) for a, b in zip(encoded.switches, switches, strict=True))


def test_skips_are_the_activations_before_the_poolings_and_take_the_place_of_the_switches() -> None:
    torch.manual_seed(0)
    vgg = VGG(WIDTHS, skip_groups=range(1, 4))
    image = images(2)

    encoded = vgg(image)

    x = image
    expected: list[Tensor] = []
    state = vgg.state_dict()
    for i in TORCHVISION_PLACES:
        x = F.conv2d(x, state[f"features.{i}.weight"], state[f"features.{i}.bias"], padding=1)
        x = x.clamp(min=0)
        if i in POOLED_AFTER:
            expected.append(x)
            x = F.max_pool2d(x, 2)
    assert encoded.switches == ()
    assert [skip.shape[1:] for skip in encoded.skips] == [(4, 32, 48), (5, 16, 24), (6, 8, 12)]
    for skip, before in zip(encoded.skips, expected[1:4], strict=True):
        torch.testing.assert_close(skip, before)
        assert skip.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(encoded.pool5, x)


def test_groups_give_the_skips_that_lie_among_them() -> None:
    vgg = VGG(WIDTHS, skip_groups=range(1, 5))
    below = vgg.run_groups(images(1), range(3))

    above = vgg.run_groups(below.pool5, range(3, 5))

    whole = vgg(images(1)).skips
    together = (*below.skips, *above.skips)
    assert all(torch.equal(a, b) for a, b in zip(together, whole, strict=True))
    assert len(below.skips) == 2


def test_without_skip_groups_no_skip_is_kept() -> None:
    assert VGG(WIDTHS)(images(1)).skips == ()


def test_everything_stays_in_channels_last_memory() -> None:
    encoded = VGG(WIDTHS)(images(2))

    for tensor in (encoded.pool5, *encoded.switches):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_group_is_its_convolutions_and_the_pooling_after_them(batch_norm: bool) -> None:
    vgg = VGG(WIDTHS, batch_norm)

    groups = [vgg.group(number) for number in range(5)]

    assert [layer for group in groups for layer in group] == list(vgg.features)
    assert all(isinstance(group[-1], nn.MaxPool2d) for group in groups)
    convolutions = [sum(isinstance(m, nn.Conv2d) for m in group) for group in groups]
    assert convolutions == [2, 2, 3, 3, 3]


@pytest.mark.parametrize("split", range(6))
def test_groups_can_run_in_two_goes(split: int) -> None:
    torch.manual_seed(0)
    vgg = VGG(WIDTHS)
    whole = vgg(images(2))

    below = vgg.run_groups(images(2), range(split))
    above = vgg.run_groups(below.pool5, range(split, 5))

    assert (len(below.switches), len(above.switches)) == (split, 5 - split)
    assert torch.equal(above.pool5, whole.pool5)
    switches = below.switches + above.switches
    assert all(torch.equal(a, b) for a, b in zip(switches, whole.switches, strict=True))


def test_batch_norm_adds_one_normalisation_per_convolution() -> None:
    normalisations = [
        sum(isinstance(layer, nn.BatchNorm2d) for layer in VGG(WIDTHS, batch_norm).modules())
        for batch_norm in (False, True)
    ]

    assert normalisations == [0, 13]


def test_the_start_of_the_weights_can_be_chosen() -> None:
    vgg = VGG((40, 40, 40, 40, 40), initialise=gaussian)

    assert float(vgg.state_dict()["features.28.weight"].std()) == pytest.approx(0.01, rel=0.05)


def test_half_precision_weights_load_and_fully_connected_layers_are_left_out() -> None:
    torch.manual_seed(1)
    source, target = VGG(WIDTHS), VGG(WIDTHS)
    tensors = {key: tensor.half() for key, tensor in source.state_dict().items()}
    tensors["classifier.0.weight"] = torch.zeros(2, 3)

    load_convolutions(target, tensors)

    for key, tensor in target.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, tensors[key].float())


def test_weights_that_do_not_fit_are_refused_with_both_sides() -> None:
    vgg = VGG(WIDTHS)
    before = {key: tensor.clone() for key, tensor in vgg.state_dict().items()}
    tensors = {key: torch.zeros_like(tensor) for key, tensor in before.items()}
    tensors["features.0.weight"] = torch.zeros(9, 3, 3, 3)
    tensors["features.1.weight"] = torch.zeros(3)
    del tensors["features.2.bias"]

    message = (
        "the weights do not fit this VGG in 3 tensors: expected features.0.weight (3, 3, 3, 3), "
        "features.2.bias (3,); found features.0.weight (9, 3, 3, 3), features.1.weight (3,)"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        load_convolutions(vgg, tensors)
    assert all(torch.equal(tensor, before[key]) for key, tensor in vgg.state_dict().items())


def test_a_file_without_any_of_the_keys_is_refused() -> None:
    with pytest.raises(ModelError, match=r"in 26 tensors: .*; found none of them$"):
        load_convolutions(VGG(WIDTHS), {"classifier.0.weight": torch.zeros(1)})


def test_with_a_stride_of_16_pool5_is_the_maximum_around_each_position_of_the_grid_of_pool4() -> (
    None
):
    torch.manual_seed(0)
    vgg = VGG(WIDTHS, skip_groups=range(4, 5), stride=16)
    usual = VGG(WIDTHS, skip_groups=range(4, 5))
    usual.load_state_dict(vgg.state_dict())
    image = images(2)

    encoded = vgg(image)

    (before,) = usual(image).skips
    height, width = before.shape[2:]
    assert (vgg.stride, usual.stride) == (16, 32)
    assert encoded.pool5.shape == (2, WIDTHS[-1], height, width)
    for row in range(height):
        for column in range(width):
            around = before[:, :, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            torch.testing.assert_close(encoded.pool5[:, :, row, column], around.amax(dim=(2, 3)))
