"""Where activations pass whose range must be known before they can be held in 8 bits."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

from decouplednet.errors import ModelError
from decouplednet.networks.shortcuts import layer_by_layer

_SMALLEST = 1e-6  # of a range


class Ranged(nn.Module):
    """A place in a network that knows how large what passes there becomes.

    Attributes:
        largest: what passes lies in 0 to this, above 0; None: not measured, or of either sign.
    """

    largest: float | None = None


class RangedReLU(Ranged, nn.ReLU):
    """A ReLU whose range is known."""


class RangedInput(Ranged, nn.Identity):
    """What comes into a part from elsewhere; it passes unchanged."""


def ranged_places(network: nn.Module) -> Iterator[tuple[str, Ranged]]:
    """Yield the places of a network whose range matters, by their names in it."""
    for name, module in network.named_modules():
        if isinstance(module, Ranged):
            yield name, module


def ranges_of(network: nn.Module) -> dict[str, float]:
    """Return the ranges that are known, by the names of their places."""
    places = ranged_places(network)
    return {name: place.largest for name, place in places if place.largest is not None}


def set_ranges(network: nn.Module, ranges: Mapping[str, float]) -> None:
    """Let a network know its ranges; those that it knew are forgotten.

    Args:
        network: changed in place.
        ranges: as from ``ranges_of``.

    Raises:
        ModelError: the network has no place of that name.
    """
    places = dict(ranged_places(network))
    for name in ranges:
        if name not in places:
            raise ModelError(f"ranges: the network has no place named {name}")
    for name, place in places.items():
        place.largest = ranges.get(name)


@dataclass(frozen=True, slots=True)
class Watched:
    """What passed the places of a network.

    Args:
        extremes: the smallest and the largest activation at each place.
    """

    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)

    def note(self, name: str, activations: Tensor) -> None:
        """Note what passes a place."""
        if not activations.numel():
            return
        least, largest = (float(extreme) for extreme in activations.aminmax())
        before = self.extremes.get(name, (least, largest))
        self.extremes[name] = min(least, before[0]), max(largest, before[1])

    def ranges(self) -> dict[str, float]:
        """Return the largest activation at each place; not where some were below 0, or infinite.

        Where all were 0 they stay so: what the network never sent on is cut off.
        """
        return {
            name: max(largest, _SMALLEST)
            for name, (least, largest) in self.extremes.items()
            if least >= 0 and math.isfinite(largest)
        }


@contextmanager
def watched(network: nn.Module) -> Iterator[Watched]:
    """Watch the places of a network while the context lasts, in which no shortcut is taken."""
    seen = Watched()
    hooks = [
        place.register_forward_hook(lambda *of, name=name: seen.note(name, of[2]))
        for name, place in ranged_places(network)
    ]
    try:
        with layer_by_layer():
            yield seen
    finally:
        for hook in hooks:
            hook.remove()


def range_of(place: nn.Module) -> float | None:
    """Return the range at a place; None where it is not known, or the module is none."""
    return place.largest if isinstance(place, Ranged) else None
