"""The sizes that networks come in, by name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from decouplednet.classes import nearest_name
from decouplednet.errors import SettingsError
from decouplednet.networks.bridging import Bridge
from decouplednet.networks.classification import ClassificationHead, Classifier
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.initialisation import Initialise, gaussian, he
from decouplednet.networks.padded_bridge import PaddedBridge
from decouplednet.networks.pooling import MAX_POOLING, Pooling
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.skip_decoder import LEVELS, Level, SkipDecoder
from decouplednet.networks.vgg import GROUPS, STRIDE, VGG, VGG16_WIDTHS, Widths

DROPOUT = 0.5
TINY_WIDTHS: Widths = (8, 16, 32, 64, 128)


class Build(Protocol):
    """Build a network for a number of classes."""

    def __call__(
        self, class_count: int, *, dropout: float = DROPOUT, pooling: Pooling = MAX_POOLING
    ) -> DecoupledNet:
        """Return the network.

        Args:
            class_count: L.
            dropout: share of fc6 and fc7 dropped in training.
            pooling: how the head pools scores; it has no weights.
        """


@dataclass(frozen=True, slots=True)
class Preset:
    """A size of the network and the frame it is made for.

    Args:
        name: what ``model.json`` and ``--set preset=`` call it.
        side: the usual side of the square frame, in pixels.
        default_weights: where the encoder starts.
        kernel: side of what the head sees of pool5 at one position, in positions.
        bridge_kernel: side of the bridge's kernels where they are not padded, else 1.
        build: makes the network.
        stride: of the encoder, in pixels; sides of images are multiples of it.
        groups: of layers of the encoder, each of which learns as a whole or not at all.
        pooling: how its head usually pools scores.
        evidence: whether its bridge sees class evidence, by which it can find a class whose f_cls
            is withheld.
    """

    name: str
    side: int
    default_weights: Literal["imagenet", "none", "backbone"]
    kernel: int
    bridge_kernel: int
    build: Build
    stride: int = STRIDE
    groups: int = GROUPS
    pooling: Literal["max", "top-k"] = "max"
    evidence: bool = False


def vgg16(
    class_count: int, *, dropout: float = DROPOUT, pooling: Pooling = MAX_POOLING
) -> DecoupledNet:
    """Return the paper's network: 307 million weights at 20 classes.

    Source: PAPER.md, facts of the original release.
    """
    head = ClassificationHead(
        channels=VGG16_WIDTHS[-1],
        middle=4096,
        kernel=7,
        class_count=class_count,
        dropout=dropout,
        initialise=gaussian,
        pooling=pooling,
    )
    return _with_switches(VGG16_WIDTHS, head, bridge_middle=2048, initialise=gaussian)


def light(
    class_count: int, *, dropout: float = DROPOUT, pooling: Pooling = MAX_POOLING
) -> DecoupledNet:
    """Return VGG-16's convolutions and decoder at full width with a small head and bridge.

    Differs: fc6 and the bridge have 3 x 3 kernels and 512 channels, and new layers start by He,
    so that a laptop trains it.
    """
    head = _light_head(class_count, dropout, pooling)
    return _with_switches(VGG16_WIDTHS, head, bridge_middle=512, initialise=he)


def tiny(
    class_count: int, *, dropout: float = DROPOUT, pooling: Pooling = MAX_POOLING
) -> DecoupledNet:
    """Return a narrow network with batch normalisation throughout, to train from scratch."""
    head = _tiny_head(class_count, dropout, pooling)
    return _with_switches(TINY_WIDTHS, head, bridge_middle=128, initialise=he, batch_norm=True)


def skip(
    class_count: int, *, dropout: float = DROPOUT, pooling: Pooling = MAX_POOLING
) -> DecoupledNet:
    """Return VGG-16's convolutions and light's head with a light decoder.

    Differs: a padded bridge that sees class evidence, skips in place of switches, and a pool5 as
        fine as pool4, without which small things beside large ones are lost; fc6 is dilated by 2,
        so that it sees as much of the image as light's.
    """
    head = _light_head(class_count, dropout, pooling, dilation=2)
    return _with_skips(VGG16_WIDTHS, head, bridge_widths=(512, 256), levels=LEVELS, stride=16)


def fast(
    class_count: int, *, dropout: float = DROPOUT, pooling: Pooling = MAX_POOLING
) -> DecoupledNet:
    """Return skip with a narrower bridge and a decoder that ends on a grid of 4 pixels.

    Differs: as skip. Made so that an image of three classes at 208 pixels takes a tenth of the
        operations that it takes vgg16 at 320.
    """
    head = _light_head(class_count, dropout, pooling, dilation=2)
    levels = (Level(96, 160, 2), Level(64, 96, 1), Level(48, 64, 1))
    return _with_skips(
        VGG16_WIDTHS, head, bridge_widths=(256, 128), levels=levels, stride=16, first_skip=2
    )


def tiny_skip(
    class_count: int, *, dropout: float = DROPOUT, pooling: Pooling = MAX_POOLING
) -> DecoupledNet:
    """Return tiny's encoder and head with the bridge and decoder of skip, narrowed."""
    head = _tiny_head(class_count, dropout, pooling)
    levels = (Level(32, 64, 2), Level(32, 32, 2), Level(16, 24, 1), Level(8, 16, 1))
    return _with_skips(TINY_WIDTHS, head, bridge_widths=(128, 64), levels=levels, batch_norm=True)


_SKIP = Preset(
    "skip",
    160,
    "imagenet",
    kernel=5,
    bridge_kernel=1,
    build=skip,
    stride=16,
    pooling="top-k",
    evidence=True,
)
PRESETS = (
    Preset("light", 160, "imagenet", kernel=3, bridge_kernel=3, build=light),
    Preset("vgg16", 320, "imagenet", kernel=7, bridge_kernel=7, build=vgg16),
    _SKIP,
    replace(_SKIP, name="fast", build=fast),
    Preset("tiny", 96, "none", kernel=1, bridge_kernel=1, build=tiny),
    Preset("tiny-skip", 96, "none", kernel=1, bridge_kernel=1, build=tiny_skip, evidence=True),
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
        SettingsError: see ``side_fault``.
    """
    for name, side in (("height", height), ("width", width)):
        fault = side_fault(preset, side)
        if fault:
            raise SettingsError(f"preset {preset.name}: {name} {side} {fault}")


def side_fault(preset: Preset, side: int) -> str | None:
    """Return what is wrong with a side of an image, and the nearest that is not; None: nothing.

    It must be a multiple of the preset's stride, and hold what the preset's head sees at once.

    Args:
        preset: whose network will see the image.
        side: in pixels.

    >>> side_fault(preset_named("light"), 100)
    'must be a multiple of 32 and at least 96; the nearest is 96'
    """
    nearest = nearest_side(preset, side)
    if side == nearest:
        return None
    return (
        f"must be a multiple of {preset.stride} and at least {preset.stride * preset.kernel}; the "
        f"nearest is {nearest}"
    )


def nearest_side(preset: Preset, side: int) -> int:
    """Return the side nearest to a wanted one that the preset can take, in pixels.

    >>> nearest_side(preset_named("light"), 240), nearest_side(preset_named("light"), 80)
    (256, 96)
    """
    stride = preset.stride
    return max(stride * preset.kernel, round(side / stride) * stride)


def _light_head(
    class_count: int, dropout: float, pooling: Pooling, dilation: int = 1
) -> ClassificationHead:
    return ClassificationHead(
        channels=VGG16_WIDTHS[-1],
        middle=512,
        kernel=3,
        class_count=class_count,
        dropout=dropout,
        initialise=he,
        pooling=pooling,
        dilation=dilation,
    )


def _tiny_head(class_count: int, dropout: float, pooling: Pooling) -> ClassificationHead:
    return ClassificationHead(
        channels=TINY_WIDTHS[-1],
        middle=128,
        kernel=1,
        class_count=class_count,
        dropout=dropout,
        initialise=he,
        pooling=pooling,
    )


def _with_switches(
    widths: Widths,
    head: ClassificationHead,
    *,
    bridge_middle: int,
    initialise: Initialise,
    batch_norm: bool = False,
) -> DecoupledNet:
    """Put a head together with the encoder, the bridge and the decoder of the paper."""
    bridge = Bridge(
        channels=widths[-1],
        middle=bridge_middle,
        kernel=head.fc6.kernel_size[0],
        initialise=initialise,
    )
    classifier = Classifier(VGG(widths, batch_norm), head)
    return DecoupledNet(classifier, bridge, DeconvolutionNetwork(widths, initialise=initialise))


def _with_skips(
    widths: Widths,
    head: ClassificationHead,
    *,
    bridge_widths: tuple[int, int],
    levels: Sequence[Level],
    batch_norm: bool = False,
    stride: Literal[16, 32] = STRIDE,
    first_skip: int = 1,
) -> DecoupledNet:
    """Put a head together with an encoder that keeps skips and what decodes by them.

    The first skip is usually that of the second group; the first group's is as large as the image.
    """
    groups = range(first_skip, GROUPS)
    encoder = VGG(widths, batch_norm, skip_groups=groups, stride=stride)
    bridge = PaddedBridge(channels=widths[-1], widths=bridge_widths, evidence=True, initialise=he)
    decoder = SkipDecoder(
        channels=bridge_widths[-1],
        skip_channels=[widths[group] for group in groups],
        stride=stride,
        initialise=he,
        levels=levels,
    )
    return DecoupledNet(Classifier(encoder, head), bridge, decoder)
