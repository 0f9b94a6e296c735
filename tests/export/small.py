"""Models of random weights that find some classes in any picture, and their exports."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from decouplednet.classes import ClassList
from decouplednet.inference.model_folder import save_model
from decouplednet.inference.procedure import Calibration, Procedure
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.initialisation import he
from decouplednet.networks.modern import modern
from decouplednet.networks.pooling import MAX_POOLING, Pooling
from decouplednet.networks.presets import preset_named
from tests.inference.small import small_frame
from tests.networks.backbones import small_backbone

NAMES = ("cat", "cow", "dog", "ant")
CALIBRATION = Calibration(slope=(0.5, 0.4, 0.6, 0.5), offset=(0.3, -0.2, 0.1, -3.0))
PLAIN = Procedure()
RICH = Procedure(
    thresholds=(0.1, 0.2, 0.15, 0.3),
    veto="soft",
    calibration=CALIBRATION,
    withheld=(False, True, False, False),
    flip=True,
    scales=(1.0, 1.5),
)


def untrained(
    preset: str, procedure: Procedure = PLAIN, pooling: Pooling = MAX_POOLING, side: int = 96
) -> Segmenter:
    """Return a frozen model of random weights whose classes differ from picture to picture."""
    torch.manual_seed(5)
    network = preset_named(preset).build(len(NAMES), pooling=pooling)
    if preset == "vgg16":
        he(network)  # as the paper starts, an image would be lost beside the shifts
    return _of(network, preset, procedure, side)


def untrained_modern(family: str, procedure: Procedure, pooling: Pooling) -> Segmenter:
    """Return a frozen model with a small backbone of transformers, of random weights."""
    backbone = small_backbone(family)
    torch.manual_seed(2)
    network = modern(len(NAMES), backbone=backbone, pooling=pooling)
    return _of(network, "modern", procedure, 4 * backbone.stride)


def _of(network: DecoupledNet, preset: str, procedure: Procedure, side: int) -> Segmenter:
    nn.init.normal_(network.classifier.head.score.weight, std=0.5)
    freeze(network)
    _steady(network)
    _settle(network, side)
    return Segmenter(network, ClassList(NAMES), small_frame(side), preset, {"seed": 5}, procedure)


def _steady(network: DecoupledNet) -> None:
    """Let layers after switches smooth, as trained ones do, and classes matter more to the bridge.

    Where two activations are equal but for rounding, another program may put a switch elsewhere,
    which a network of noise makes another label map of.
    """
    for layer in network.decoder.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            layer.weight += layer.weight.std()
            layer.weight *= (2 / (9 * len(layer.weight) * layer.weight.square().mean())).sqrt()
    network.bridge.state_dict()["saliency_norm.weight"].fill_(4.0)


def _settle(network: DecoupledNet, side: int) -> None:
    """Bring scores to where no probability is 0 or 1, which would tie classes."""
    pixels = small_frame(side).image(picture(side - 7, side))[None]
    index, each = torch.zeros(len(NAMES), dtype=torch.int64), torch.eye(len(NAMES))
    with torch.no_grad():
        network.classifier.head.score.weight *= 3 / network.see(pixels).score.abs().max()
        traced = network.see(pixels)
        network.train().classifier.eval()
        network.activation(traced, index, each)  # the bridge learns the spread of its inputs
        freeze(network)
        last = network.decoder.state_dict()
        nn.init.normal_(last["score.weight"], std=1.0)
        scores = network.decode(network.activation(traced, index, each), traced, index)
        map_score = scores[:, 1] - scores[:, 0]
        last["score.weight"].mul_(3 / map_score.std())
        last["score.bias"][0] = 3 * map_score.median() / map_score.std()


def write_model(folder: Path, segmenter: Segmenter) -> Path:
    save_model(folder, segmenter)
    return folder


def picture(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return coloured blocks of 8 pixels, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


def written_by_the_script(exported: Path, image: NDArray[np.uint8], tags: str) -> NDArray[np.uint8]:
    """Return the label map that the script of an exported folder writes beside the folder."""
    Image.fromarray(image).save(exported.parent / "image.png")
    files = exported.parent / "image.png", exported.parent / "labels.png"
    command: list[str | Path] = [sys.executable, exported / "predict.py", *files]
    subprocess.run([*command, tags], check=True, cwd=exported.parent)
    with Image.open(files[1]) as labels:
        return np.asarray(labels)
