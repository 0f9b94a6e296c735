"""A network of four to eight channels whose output differs from class to class, for tests."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.inference.model_folder import save_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.bridging import Bridge
from decouplednet.networks.classification import ClassificationHead, Classifier
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.initialisation import he
from decouplednet.networks.presets import preset_named
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.vgg import VGG
from tests.networks.small import paper_parts

NAMES = ("cat", "cow", "dog")
SIDE = 64


def small_network(class_count: int = len(NAMES), seed: int = 7) -> DecoupledNet:
    """Return an untrained, frozen network whose biases and statistics are not the usual start.

    Seed 1 gives noise every class and background too."""
    torch.manual_seed(seed)
    widths = (4, 5, 6, 7, 8)
    head = ClassificationHead(
        channels=8, middle=9, kernel=1, class_count=class_count, dropout=0.5, initialise=he
    )
    bridge = Bridge(channels=8, middle=10, kernel=1, initialise=he)
    network = DecoupledNet(Classifier(VGG(widths), head), bridge, DeconvolutionNetwork(widths, he))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
            nn.init.normal_(layer.bias, std=0.3)
    nn.init.normal_(head.score.weight, std=1.0)
    _, decoder = paper_parts(network)
    nn.init.normal_(decoder.score.weight, std=1.0)
    freeze(network)
    return network


def answer(network: DecoupledNet, probability: tuple[float, ...]) -> None:
    """Let a network give the same probability of each class to every image."""
    nn.init.zeros_(network.classifier.head.score.weight)
    score = torch.logit(torch.tensor(probability))
    with torch.no_grad():
        bias = network.classifier.head.score.bias
        assert bias is not None
        bias.copy_(score)


def small_frame(side: int = SIDE) -> Frame:
    return Frame(
        side=side,
        channel_order="BGR",
        mean=(104.0, 117.0, 123.0),
        deviation=(60.0, 61.0, 62.0),
    )


def small_segmenter(names: tuple[str, ...] = NAMES, seed: int = 7) -> Segmenter:
    network = small_network(len(names), seed)
    return Segmenter(network, ClassList(names), small_frame(), "tiny", {"others": "ignore"})


def write_tiny_model(folder: Path, probability: Mapping[str, float], **training: object) -> Path:
    """Write a run with an untrained ``tiny`` model whose gate says the same of every image."""
    torch.manual_seed(0)
    network = preset_named("tiny").build(len(probability))
    _, decoder = paper_parts(network)
    nn.init.normal_(decoder.score.weight)
    answer(network, tuple(probability.values()))
    classes = ClassList(tuple(probability))
    save_model(folder / "model", Segmenter(network, classes, small_frame(96), "tiny", training))
    return folder
