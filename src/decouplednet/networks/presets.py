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
class Sizes:
    """What decides the shapes of a network.

    Args:
        widths: channels of the encoder's five groups, mirrored by the decoder.
        kernel: side of the head's and the bridge's kernels, in pool5 positions.
        head: channels of fc6 and fc7.
        bridge: channels of the bridge's inner layers.
        initialise: how new layers start.
        batch_norm: normalise inside the encoder, which training from scratch needs.
    """

    widths: Widths
    kernel: int
    head: int
    bridge: int
    initialise: Initialise
    batch_norm: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """A size of the network and the frame it is made for.

    Args:
        name: what ``model.json`` and ``--set preset=`` call it.
        side: the usual side of the square frame, in pixels.
        default_weights: where the encoder's convolutions start.
        sizes: of its layers.
        build: makes the network.
    """

    name: str
    side: int
    default_weights: Literal["imagenet", "none"]
    sizes: Sizes
    build: Build

    @property
    def kernel(self) -> int:
        """Side of the head's and the bridge's kernels, in pool5 positions."""
        return self.sizes.kernel


VGG16 = Sizes(VGG16_WIDTHS, kernel=7, head=4096, bridge=2048, initialise=gaussian)
LIGHT = Sizes(VGG16_WIDTHS, kernel=3, head=512, bridge=512, initialise=he)
TINY = Sizes((8, 16, 32, 64, 128), kernel=1, head=128, bridge=128, initialise=he, batch_norm=True)


def vgg16(class_count: int, *, dropout: float = DROPOUT) -> DecoupledNet:
    """Return the paper's network: 307 million weights at 20 classes.

    Source: PAPER.md, facts of the original release.
    """
    return _assemble(class_count, dropout, VGG16)


def light(class_count: int, *, dropout: float = DROPOUT) -> DecoupledNet:
    """Return VGG-16's convolutions and decoder at full width with a small head and bridge.

    Differs: fc6 and the bridge have 3 x 3 kernels and 512 channels, and new layers start by He,
    so that a laptop trains it.
    """
    return _assemble(class_count, dropout, LIGHT)


def tiny(class_count: int, *, dropout: float = DROPOUT) -> DecoupledNet:
    """Return a narrow network with batch normalisation throughout, to train from scratch."""
    return _assemble(class_count, dropout, TINY)


PRESETS = (
    Preset("light", side=160, default_weights="imagenet", sizes=LIGHT, build=light),
    Preset("vgg16", side=320, default_weights="imagenet", sizes=VGG16, build=vgg16),
    Preset("tiny", side=96, default_weights="none", sizes=TINY, build=tiny),
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


def _assemble(class_count: int, dropout: float, sizes: Sizes) -> DecoupledNet:
    channels, kernel, initialise = sizes.widths[-1], sizes.kernel, sizes.initialise
    head = ClassificationHead(
        channels=channels,
        middle=sizes.head,
        kernel=kernel,
        class_count=class_count,
        dropout=dropout,
        initialise=initialise,
    )
    bridge = Bridge(channels=channels, middle=sizes.bridge, kernel=kernel, initialise=initialise)
    classifier = Classifier(VGG(sizes.widths, sizes.batch_norm), head)
    decoder = DeconvolutionNetwork(sizes.widths, initialise=initialise)
    return DecoupledNet(classifier, bridge, decoder)
