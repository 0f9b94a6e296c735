"""VGG-16's convolutions, which remember where each pooled maximum came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from decouplednet.errors import ModelError
from decouplednet.networks.folding import Group, Kept, folded_layers, in_turn, may_fold
from decouplednet.networks.initialisation import Initialise, he
from decouplednet.networks.precision import working_type
from decouplednet.networks.quantisation import byte_layers, in_bytes
from decouplednet.networks.ranges import Ranged, RangedReLU, range_of

Widths = tuple[int, int, int, int, int]

VGG16_WIDTHS: Widths = (64, 128, 256, 512, 512)
CONVOLUTIONS = (2, 2, 3, 3, 3)
"""Convolutions before each of the five poolings (Simonyan and Zisserman, ICLR 2015, table 1, D)."""

GROUPS = len(CONVOLUTIONS)

STRIDE: Literal[32] = 32
"""Image pixels per position of the pool5 grid: five halvings."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the convolutions make of a batch of images.

    Args:
        pool5: (B, C, H / 32, W / 32) activations, at least 0; of a backbone its deepest level,
            (B, C, H / stride, W / stride) of either sign.
        switches: five int64 tensors, pool1 first, each of the shape of its pooling's output: the
            flat position, row * width + column in the pooling's input, of each maximum. None
            where the decoder uses skips.
        skips: activations before the poolings that the decoder uses, or the other levels of a
            backbone, the shallowest first; none where it uses switches.
    """

    pool5: Tensor
    switches: tuple[Tensor, ...]
    skips: tuple[Tensor, ...] = ()


class VGG(nn.Module):
    """The thirteen convolutions of VGG-16 and their five poolings.

    Without batch normalisation the keys of ``state_dict`` are those of torchvision's ``vgg16``.

    Args:
        widths: channels of the five groups of convolutions; VGG-16's are the default.
        batch_norm: normalise after each convolution, which training from scratch needs.
        initialise: how the weights start.
        skip_groups: the groups, counted from 0, whose activations before their pooling are kept
            as skips in place of all switches; none keeps the switches.
        stride: image pixels per position of pool5: 32, or 16 where the fifth pooling takes the
            maximum of 3 x 3 positions around each, and so keeps the grid of the fourth.
    """

    def __init__(
        self,
        widths: Widths = VGG16_WIDTHS,
        batch_norm: bool = False,
        initialise: Initialise = he,
        skip_groups: range = range(0),
        stride: Literal[16, 32] = STRIDE,
    ) -> None:
        super().__init__()
        self.skip_groups = skip_groups
        self._stride: Literal[16, 32] = stride
        self.features = nn.ModuleList(_layers(widths, batch_norm))
        if stride < STRIDE:
            self.features[-1] = nn.MaxPool2d(3, stride=1, padding=1, return_indices=True)
        self._folded: Kept[Sequence[Group]] = Kept()
        self._in_bytes: Kept[Sequence[Group | None]] = Kept()
        initialise(self)

    @property
    def stride(self) -> int:
        """Image pixels per position of the pool5 grid."""
        return self._stride

    @property
    def group_count(self) -> int:
        """Groups of convolutions, each with its pooling."""
        return GROUPS

    def forward(self, image: Tensor) -> Encoded:
        """Return what is made of (B, 3, H, W) images; H and W are multiples of the stride."""
        return self.run_groups(image, range(GROUPS))

    def encode(self, image: Tensor) -> Encoded:
        """Return what ``forward`` does; see ``Encoder``."""
        encoded: Encoded = self(image)
        return encoded

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the convolutions of a weights file; see ``load_convolutions``."""
        load_convolutions(self, tensors)

    def run_groups(self, x: Tensor, groups: range) -> Encoded:
        """Return what some consecutive groups of convolutions make of a batch.

        Args:
            x: (B, ..., H, W), the output of the group before, or images for group 0; H and W are
                multiples of 2 for each group that runs.
            groups: which of the five, counted from 0; none returns ``x``.

        Returns:
            The last pooling's output in place of ``pool5``, and one switch or the skips of these
            groups.
        """
        # Pooling with indices takes 17 times as long on the CPU in the other memory format.
        x = x.contiguous(memory_format=torch.channels_last)
        switches, skips = [], []
        prepared = self._prepared(x.device)
        for group in groups:
            *convolutions, pooling = self.group(group)
            x = in_turn(prepared[group] or convolutions, x)
            if group in self.skip_groups:
                skips.append(x)
            x, origin = pooling(x)
            if not self.skip_groups:
                switches.append(origin)
        return Encoded(x, tuple(switches), tuple(skips))

    def _prepared(self, device: torch.device) -> Sequence[Group | None]:
        """Return the convolutions of each group as prediction computes them; None as written."""
        if not may_fold(self):
            return [None] * GROUPS
        byte_groups = in_bytes(self, self._in_bytes, self._quantised)
        if byte_groups and any(byte_groups):
            return byte_groups
        dtype = working_type(device, next(self.parameters()).dtype)
        return self._folded.get(self.state_dict().values(), lambda: self._fold(dtype), dtype)

    def _fold(self, dtype: torch.dtype) -> Sequence[Group]:
        return [folded_layers(self.group(number)[:-1], dtype) for number in range(GROUPS)]

    def _quantised(self) -> Sequence[Group | None]:
        """Return the convolutions of each group in 8 bits; None where a range is not known."""
        # The first convolution sees an image, of either sign, and costs little.
        entry = 1 + next(i for i, one in enumerate(self.features) if isinstance(one, Ranged))
        comes, made = range_of(self.features[entry - 1]), list[Group | None]()
        for number in range(GROUPS):
            *convolutions, _ = self.group(number)
            first = [] if number else convolutions[:entry]
            layers = byte_layers(convolutions[len(first) :], comes)
            made.append(None if layers is None else [*first, *layers])
            comes = range_of(convolutions[-1])
        return made

    def group(self, number: int) -> list[nn.Module]:
        """Return the layers of one of the five groups, counted from 0, its pooling last."""
        ends = [i + 1 for i, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        return list(self.features[ends[number - 1] if number else 0 : ends[number]])


def _layers(widths: Widths, batch_norm: bool) -> Iterator[nn.Module]:
    channels = 3
    for width, count in zip(widths, CONVOLUTIONS, strict=True):
        for _ in range(count):
            yield nn.Conv2d(channels, width, kernel_size=3, padding=1)
            if batch_norm:
                yield nn.BatchNorm2d(width)
            yield RangedReLU(inplace=True)
            channels = width
        yield nn.MaxPool2d(kernel_size=2, return_indices=True)


def load_convolutions(vgg: VGG, tensors: Mapping[str, Tensor]) -> None:
    """Give a network the convolutions of a weights file.

    Args:
        vgg: changed in place; it keeps its own dtype and device.
        tensors: by torchvision's key names (``features.0.weight``, ...), of any float dtype. Keys
            that begin with ``classifier.``, VGG's fully connected layers, are left out.

    Raises:
        ModelError: a key or shape is missing, too many or different; the message lists both sides,
            and the network is unchanged.
    """
    found, expected = _convolutions_in(tensors), vgg.state_dict()
    unlike = unlike_convolutions(vgg, tensors)
    if unlike:
        raise ModelError(
            f"the weights do not fit this VGG in {len(unlike)} tensors: expected "
            f"{_listing(expected, unlike)}; found {_listing(found, unlike)}"
        )
    vgg.load_state_dict({key: tensor.to(expected[key].dtype) for key, tensor in found.items()})


def unlike_convolutions(vgg: VGG, tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the names, sorted, under which ``load_convolutions`` finds other tensors or none."""
    found, expected = _convolutions_in(tensors), vgg.state_dict()
    return sorted(
        key
        for key in expected.keys() | found.keys()
        if key not in expected or key not in found or expected[key].shape != found[key].shape
    )


def _convolutions_in(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: t for key, t in tensors.items() if not key.startswith("classifier.")}


def _listing(tensors: Mapping[str, Tensor], keys: list[str]) -> str:
    listed = [f"{key} {tuple(tensors[key].shape)}" for key in keys if key in tensors]
    return ", ".join(listed) if listed else "none of them"
