"""A peer of few channels, built as the library's are, in the place of its models."""

import torch
from torch import Tensor, nn

from benchmarks.peer_network import PeerNetwork
from benchmarks.peers import peer


class SmallEncoder(nn.Module):
    """Two convolutions, of which the second halves the grid; returns both activations."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, stride=2, padding=1)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        first = torch.relu(self.features[0](image))
        return [first, torch.relu(self.features[1](first))]


class SmallDecoder(nn.Module):
    """Brings the coarse activation to the grid of the fine one and joins them."""

    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Sequential(nn.Conv2d(9, 6, 1), nn.BatchNorm2d(6), nn.ReLU())

    def forward(self, features: list[Tensor]) -> Tensor:
        fine, coarse = features
        joined: Tensor = self.join(
            torch.cat([fine, nn.functional.interpolate(coarse, scale_factor=2)], dim=1)
        )
        return joined


def small(class_count: int) -> PeerNetwork:
    """Return an untrained network for a number of classes."""
    return PeerNetwork(
        encoder=SmallEncoder(),
        decoder=SmallDecoder(),
        head=nn.Conv2d(6, class_count + 1, 1),
        class_count=class_count,
        stride=2,
    )


SMALL = peer("smp-small", "small peer", small)
OTHER = peer("smp-other", "other peer", small)
