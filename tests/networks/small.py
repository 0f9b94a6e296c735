"""A network of a few channels, whose every size differs from every other."""

import torch
from torch import Tensor

from decouplednet.networks.bridging import Bridge
from decouplednet.networks.classification import ClassificationHead, Classifier
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.initialisation import he
from decouplednet.networks.pooling import MAX_POOLING, Pooling
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.vgg import VGG

WIDTHS = (3, 4, 5, 6, 7)
CLASSES = 5


def small_head(
    channels: int = 7,
    middle: int = 8,
    kernel: int = 2,
    dropout: float = 0.5,
    pooling: Pooling = MAX_POOLING,
    dilation: int = 1,
) -> ClassificationHead:
    head = ClassificationHead(
        channels=channels,
        middle=middle,
        kernel=kernel,
        class_count=CLASSES,
        dropout=dropout,
        initialise=he,
        pooling=pooling,
        dilation=dilation,
    )
    # Scores that differ from position to position, so that every peak is a real maximum.
    torch.nn.init.normal_(head.score.weight)
    return head


def small_network(*, batch_norm: bool = True) -> DecoupledNet:
    """Return a network with a frozen classifier; bridge and decoder are in training mode."""
    torch.manual_seed(3)
    classifier = Classifier(VGG(WIDTHS, batch_norm), small_head())
    bridge = Bridge(channels=7, middle=9, kernel=2, initialise=he)
    network = DecoupledNet(classifier, bridge, DeconvolutionNetwork(WIDTHS, he))
    freeze(network.classifier)
    return network


def paper_parts(network: DecoupledNet) -> tuple[Bridge, DeconvolutionNetwork]:
    """Return bridge and decoder of a network that has those of the paper."""
    assert isinstance(network.bridge, Bridge)
    assert isinstance(network.decoder, DeconvolutionNetwork)
    return network.bridge, network.decoder


def images(count: int, height: int = 64, width: int = 96) -> Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(4))
