"""Models of the smallest presets that find some classes in any picture, and their exports."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from decouplednet.classes import ClassList
from decouplednet.inference.model_folder import save_model
from decouplednet.inference.procedure import Calibration, Procedure
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.pooling import MAX_POOLING, Pooling
from decouplednet.networks.presets import preset_named
from tests.inference.small import small_frame

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
    preset: str, procedure: Procedure = PLAIN, pooling: Pooling = MAX_POOLING
) -> Segmenter:
    """Return a frozen model of random weights whose classes differ from picture to picture."""
    torch.manual_seed(5)
    network = preset_named(preset).build(len(NAMES), pooling=pooling)
    nn.init.normal_(network.classifier.head.score.weight, std=0.5)
    for name, weight in network.decoder.state_dict().items():
        if name == "score.weight":
            nn.init.normal_(weight, std=1.0)
    freeze(network)
    return Segmenter(network, ClassList(NAMES), small_frame(96), preset, {"seed": 5}, procedure)


def write_model(folder: Path, segmenter: Segmenter) -> Path:
    save_model(folder, segmenter)
    return folder


def picture(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return coloured blocks of 8 pixels, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
