"""The preset with a pretrained backbone of today: the method of the paper on other features."""

from functools import partial

from decouplednet.errors import SettingsError
from decouplednet.networks.backbone import Backbone, BackboneEncoder
from decouplednet.networks.classification import ClassificationHead, Classifier
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.initialisation import he
from decouplednet.networks.padded_bridge import PaddedBridge
from decouplednet.networks.pooling import MAX_POOLING, Pooling
from decouplednet.networks.presets import DROPOUT, Preset, preset_named
from decouplednet.networks.skip_decoder import LEVELS, SkipDecoder

MODERN = "modern"
KERNEL = 3
MIDDLE = 512
BRIDGE_WIDTHS = (512, 256)
USUAL_SIDE = 224  # what most backbones were trained at; a multiple of 14, 16 and 32


def modern(
    class_count: int,
    *,
    backbone: Backbone,
    dropout: float = DROPOUT,
    pooling: Pooling = MAX_POOLING,
) -> DecoupledNet:
    """Return a backbone of transformers with light's head, and bridge and decoder of skip.

    The backbone's last level takes the place of pool5, and f_cls is the gradient of the class
    scores with respect to it, in the closed form of the head. The head has hidden layers: of a
    linear one after the mean over positions, as backbones are pretrained with, the gradient
    would be the same at every position of every image.

    Args:
        class_count: L.
        backbone: as from ``backbone_of``; its weights are drawn anew.
        dropout: share of fc6 and fc7 dropped in training.
        pooling: how the head pools scores.

    Differs: from the paper in encoder, head, bridge and decoder.
    """
    head = ClassificationHead(
        channels=backbone.channels[-1],
        middle=MIDDLE,
        kernel=KERNEL,
        class_count=class_count,
        dropout=dropout,
        initialise=he,
        pooling=pooling,
    )
    bridge = PaddedBridge(
        channels=backbone.channels[-1], widths=BRIDGE_WIDTHS, evidence=True, initialise=he
    )
    decoder = SkipDecoder(
        channels=BRIDGE_WIDTHS[-1],
        skip_channels=backbone.channels[:-1],
        stride=backbone.stride,
        initialise=he,
        levels=LEVELS,
        grids=backbone.grids(),
    )
    return DecoupledNet(Classifier(BackboneEncoder(backbone), head), bridge, decoder)


def modern_preset(backbone: Backbone) -> Preset:
    """Return the preset ``modern`` of a backbone, with the frame that it is made for."""
    stride = backbone.stride
    return Preset(
        MODERN,
        stride * max(KERNEL, round(USUAL_SIDE / stride)),
        "backbone",
        kernel=KERNEL,
        bridge_kernel=1,
        build=partial(modern, backbone=backbone),
        stride=stride,
        groups=1,
        pooling="top-k",
        evidence=True,
    )


def preset_with(name: str, backbone: Backbone | None) -> Preset:
    """Return the preset of a name, which has a backbone if it is ``modern``.

    Args:
        name: of the preset.
        backbone: what it is built from; None for every other preset.

    Raises:
        SettingsError: there is no such preset, a backbone is missing, or one is too many.
    """
    if (name == MODERN) != (backbone is not None):
        found = "none is given" if backbone is None else f"the preset is {name!r}"
        raise SettingsError(f"a backbone goes with preset {MODERN!r}, and only with it; {found}")
    return modern_preset(backbone) if backbone else preset_named(name)
