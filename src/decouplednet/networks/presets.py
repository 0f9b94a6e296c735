"""The sizes that networks come in, by name."""

from dataclasses import dataclass
from typing import Literal, Protocol

from decouplednet.classes import nearest_name
from decouplednet.errors import SettingsError
from decouplednet.networks.bridging import Bridge
from decouplednet.networks.classification import ClassificationHead, Classifier
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.initialisation import Initialise, gaussian, he
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.vgg import STRIDE, VGG, VGG16_WIDTHS, Widths

DROPOUT = 0.5


class Build(Protocol):
    """Build a network for a number of classes."""

    def __call__(self, class_count: int, *, dropout: float = DROPOUT) -> DecoupledNet:
        """Return the network; ``dropout`` is the share of fc6 and fc7 dropped in training."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A size of the network and the frame it is made for.

    Args:
        name: what ``model.json`` and ``--set preset=`` call it.
        side: the usual side of the square frame, in pixels.
        default_weights: where the encoder's convolutions start.
        kernel: side of the head's and the bridge's kernels, in pool5 positions.
        build: makes the network.
    """

    name: str
    side: int
    default_weights: Literal["imagenet", "none"]
    kernel: int
    build: Build


def vgg16(class_count: int, *, dropout: float = DROPOUT) -> DecoupledNet:
    """Return the paper's network: 307 million weights at 20 classes.

    Source: PAPER.md, facts of the original release.
    """
    return _assemble(
        class_count, dropout, VGG16_WIDTHS, kernel=7, middles=(4096, 2048), initialise=gaussian
    )


def light(class_count: int, *, dropout: float = DROPOUT) -> DecoupledNet:
    """Return VGG-16's convolutions and decoder at full width with a small head and bridge.

    Differs: fc6 and the bridge have 3 x 3 kernels and 512 channels, and new layers start by He,
    so that a laptop trains it.
    """
    return _assemble(
        class_count, dropout, VGG16_WIDTHS, kernel=3, middles=(512, 512), initialise=he
    )


def tiny(class_count: int, *, dropout: float = DROPOUT) -> DecoupledNet:
    """Return a narrow network with batch normalisation throughout, to train from scratch."""
    return _assemble(
        class_count,
        dropout,
        (8, 16, 32, 64, 128),
        kernel=1,
        middles=(128, 128),
        initialise=he,
        batch_norm=True,
    )


PRESETS = (
    Preset("light", side=160, default_weights="imagenet", kernel=3, build=light),
    Preset("vgg16", side=320, default_weights="imagenet", kernel=7, build=vgg16),
    Preset("tiny", side=96, default_weights="none", kernel=1, build=tiny),
)


def preset_named(name: str) -> Preset:
    """Return the preset of that name.

    Raises:
        SettingsError: there is none; the message names the nearest one.
    """
    for preset in PRESETS:
        if preset.name == name:
            return preset
    names = [preset.name for preset in PRESETS]
    near = nearest_name(name, names)
    hint = f"did you mean {near}?" if near else f"the presets are {', '.join(names)}"
    raise SettingsError(f"there is no preset {name!r}; {hint}")


def check_side(preset: Preset, height: int, width: int) -> None:
    """Refuse images of a size that the preset cannot take.

    Args:
        preset: whose network will see them.
        height: H of the image, in pixels.
        width: W of the image, in pixels.

    Raises:
        SettingsError: a side is no multiple of 32, or is smaller than the kernel reaches.
    """
    least = STRIDE * preset.kernel
    for name, side in (("height", height), ("width", width)):
        if side % STRIDE or side < least:
            nearest = max(least, round(side / STRIDE) * STRIDE)
            raise SettingsError(
                f"preset {preset.name}: {name} {side} must be a multiple of {STRIDE} and at least "
                f"{least}; the nearest is {nearest}"
            )


def _assemble(
    class_count: int,
    dropout: float,
    widths: Widths,
    *,
    kernel: int,
    middles: tuple[int, int],
    initialise: Initialise,
    batch_norm: bool = False,
) -> DecoupledNet:
    """Put a network together; ``middles`` are the inner channels of the head and the bridge."""
    channels = widths[-1]
    head = ClassificationHead(
        channels=channels,
        middle=middles[0],
        kernel=kernel,
        class_count=class_count,
        dropout=dropout,
        initialise=initialise,
    )
    bridge = Bridge(channels=channels, middle=middles[1], kernel=kernel, initialise=initialise)
    classifier = Classifier(VGG(widths, batch_norm), head)
    return DecoupledNet(classifier, bridge, DeconvolutionNetwork(widths, initialise=initialise))
