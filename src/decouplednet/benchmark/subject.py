"""The network whose speed is measured: a preset with random weights, which cost what others do."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from decouplednet.benchmark.original import own_maps, passes_of
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.initialisation import he
from decouplednet.networks.precision import beside_bytes
from decouplednet.networks.presets import preset_named
from decouplednet.networks.ranges import set_ranges, watched
from decouplednet.networks.taps import halve_large_weights
from decouplednet.training.statistics import estimate_statistics

HEIGHT, WIDTH = 375, 500
"""Of the photographs that are read and written: the usual size in PASCAL VOC, in pixels."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and an image for it, the same ones from the same seed.

    Args:
        preset: its name.
        classes: L.
        side: of the frame, in pixels, which the preset can take.
        precision: type of the matrix products; None for float32 throughout.
        device: where to compute.
        seed: of weights and image.
        ranges: of activations, for a precision in 8 bits; None: measured on the image.
    """

    preset: str
    classes: int
    side: int
    precision: torch.dtype | None
    device: torch.device
    seed: int = 0
    ranges: Mapping[str, float] | None = None

    @cached_property
    def network(self) -> DecoupledNet:
        """The network as it predicts, channels last, its large kernels in the precision."""
        network = self._built()
        if self.precision is torch.int8:
            set_ranges(network, self._measured(network) if self.ranges is None else self.ranges)
        halved = beside_bytes(self.precision)
        if halved is not None and self.device.type == "cpu":
            halve_large_weights(network, halved)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
        return network

    @cached_property
    def plain_network(self) -> DecoupledNet:
        """The same weights in PyTorch's default layout."""
        return self._built()

    @cached_property
    def image(self) -> Tensor:
        """An image as the network sees it, (1, 3, side, side)."""
        rng = torch.Generator().manual_seed(self.seed)
        return torch.randn(1, 3, self.side, self.side, generator=rng).to(self.device)

    @cached_property
    def class_list(self) -> ClassList:
        """The L classes."""
        return ClassList(tuple(f"class{number}" for number in range(1, self.classes + 1)))

    @property
    def frame(self) -> Frame:
        """How the network sees a photograph."""
        return Frame(
            side=self.side,
            channel_order="RGB",
            mean=(124.0, 116.0, 104.0),
            deviation=(1.0, 1.0, 1.0),
        )

    def photograph(self) -> NDArray[np.uint8]:
        """Return coloured noise that is smooth, as photographs are, (HEIGHT, WIDTH, 3)."""
        rng = np.random.default_rng(self.seed)
        coarse = torch.from_numpy(rng.random((1, 3, 12, 16), dtype=np.float32))
        smooth = nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")
        noise = rng.normal(0, 0.02, (HEIGHT, WIDTH, 3))
        levels = smooth[0].permute(1, 2, 0).numpy() + noise
        return np.asarray(255 * levels.clip(0, 1), np.uint8)

    def _measured(self, network: DecoupledNet) -> dict[str, float]:
        asked = passes_of(2, self.classes).to(self.device)
        with watched(network) as seen:
            own_maps(network, self.image, asked)
        return seen.ranges()

    def _built(self) -> DecoupledNet:
        torch.manual_seed(self.seed)
        network = preset_named(self.preset).build(self.classes)
        # Small weights, or statistics of other inputs, would let every map be one half, whatever is
        # asked for: then no fault would show in the comparison of the maps.
        he(network)
        freeze(network)
        images = torch.randn(3, 3, self.side, self.side)
        asked = torch.eye(self.classes, dtype=torch.bool)[:3]
        parts = [network.get_submodule(name) for name in ("bridge", "decoder")]
        estimate_statistics(network.to(self.device), parts, [(images, asked)], self.device, None)
        return network
