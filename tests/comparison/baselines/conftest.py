"""Shapes that fill much of their pictures, plans to train from them, and small networks."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.comparison.baselines.network import OneNetwork
from decouplednet.networks.bridging import Bridge
from decouplednet.networks.classification import ClassificationHead, Classifier
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.initialisation import he
from decouplednet.networks.presets import preset_named
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.vgg import VGG
from decouplednet.training.plan import Plan, make_plan
from tests.shapes import write_shapes
from tests.training.conftest import quick

CLASSES = 3

LEARNING = (
    "side=96",
    "classifier.updates=100",
    "classifier.updates_per_epoch=100",
    "classifier.images_per_update=8",
    "classifier.learning_rate=0.003",
    "classifier.dropout=0",
    "segmenter.side=64",
    "segmenter.updates=150",
    "segmenter.updates_per_epoch=150",
    "segmenter.learning_rate=0.003",
)
"""Changes of the quick settings with which a few seconds teach something."""


def _small_parts() -> DecoupledNet:
    widths = (4, 5, 6, 7, 8)
    head = ClassificationHead(
        channels=8, middle=9, kernel=2, class_count=CLASSES, dropout=0.0, initialise=he
    )
    bridge = Bridge(channels=8, middle=10, kernel=2, initialise=he)
    return DecoupledNet(Classifier(VGG(widths), head), bridge, DeconvolutionNetwork(widths, he))


def small_one_network(groups: int = 0, seed: int = 2) -> OneNetwork:
    """Return a network of few channels whose classes differ from pixel to pixel.

    Its batch statistics are those of noise, so that its scores are of ordinary size at rest.
    """
    torch.manual_seed(seed)
    network = OneNetwork(_small_parts(), CLASSES, trained_groups=groups)
    nn.init.normal_(network.get_parameter("decoder.score.weight"))
    with torch.no_grad():
        for _ in range(30):
            network(torch.randn(4, 3, 64, 64))
    return network


def write_encoder(file: Path) -> Path:
    """Write convolutions of preset ``tiny`` as weights that a run may start from."""
    torch.manual_seed(9)
    state = preset_named("tiny").build(CLASSES).classifier.encoder.state_dict()
    save_file(state, file, {"input": "RGB, 0-1, minus (0.5, 0.5, 0.5), divided by (0.2, 0.2, 0.2)"})
    return file


def plan_of(data: Path, *changes: str) -> Plan:
    """Return the plan of the quick settings with changes."""
    return make_plan(data, quick(*changes))


@pytest.fixture(scope="session")
def bold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures, 24 of them with masks to train from, whose shapes are large."""
    root = tmp_path_factory.mktemp("data") / "bold"
    return write_shapes(root, images=60, masks=26, size=(40, 44))


@pytest.fixture(scope="session")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Twenty other pictures of the same kind, all with masks, from which nothing is learnt."""
    root = tmp_path_factory.mktemp("data") / "unseen"
    return Catalogue.read(write_shapes(root, images=20, masks=20, size=(40, 44), seed=1))


@pytest.fixture(scope="session")
def all_background(unseen: Catalogue) -> float:
    """The mean IoU on ``unseen`` of saying background everywhere: that of having learnt nothing."""
    masks = [unseen.mask_of(record) for record in unseen.records]
    background = sum(int((mask == 0).sum()) for mask in masks)
    return background / sum(mask.size for mask in masks) / (len(unseen.classes) + 1)
