"""The library's own models, where it is installed; ``conftest`` says how to run this there."""

import pytest
import torch

from benchmarks.peers import Build, deeplabv3plus, unet
from decouplednet.networks.vgg import VGG

pytest.importorskip("segmentation_models_pytorch")


@pytest.mark.parametrize("build", [unet, deeplabv3plus])
def test_a_peer_scores_every_pixel_and_all_of_it_learns(build: Build) -> None:
    torch.manual_seed(0)
    network = build(5)
    score = network(torch.randn(2, 3, 64, 96))
    score.mean().backward()

    assert score.shape == (2, 6, 64, 96)
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name


@pytest.mark.parametrize("build", [unet, deeplabv3plus])
def test_the_encoder_has_the_convolutions_of_vgg16_and_no_others(build: Build) -> None:
    found = {name: weight.shape for name, weight in build(2).encoder.named_parameters()}

    assert found == {name: weight.shape for name, weight in VGG().named_parameters()}


def test_deeplabs_encoder_ends_at_stride_16_with_every_convolution_done() -> None:
    torch.manual_seed(0)
    theirs, ours = deeplabv3plus(2).encoder.eval(), VGG().eval()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 64, 96)
    features = theirs(image)

    assert features[-1].shape == (1, 512, 4, 6)
    pooled = torch.nn.functional.max_pool2d(features[-1], 2)
    torch.testing.assert_close(pooled, ours(image).pool5)


def test_the_library_itself_refuses_deeplab_with_a_vgg() -> None:
    import segmentation_models_pytorch as smp

    with pytest.raises(ValueError, match="do not support dilated mode"):
        smp.DeepLabV3Plus("vgg16", encoder_weights=None)
