"""Where activations pass whose range must be known before they can be held in 8 bits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

from decouplednet.errors import ModelError
from decouplednet.networks.shortcuts import layer_by_layer

CUT = 1e-4
"""Share of the activations of an image that may lie above the range, and are cut off."""

_MOST_VALUES = 1_000_000  # of an activation map that are looked at


class Ranged(nn.Module):
    """A place in a network that knows how large what passes there becomes.

    Attributes:
        largest: what passes lies in 0 to this, but for rare peaks, above 0; None: not measured, or
            of either sign.
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
            raise ModelError(f"ranges: the network has no activations named {name}")
    for name, place in places.items():
        place.largest = ranges.get(name)


@dataclass(frozen=True, slots=True)
class Watched:
    """What passed the places of a network.

    Args:
        passed: for each place the range of each time that something passed; -1 where some of it was
            below 0.
    """

    passed: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, activations: Tensor) -> None:
        """Note what passes a place."""
        self.passed.setdefault(name, []).append(_range_of(activations))

    def ranges(self) -> dict[str, float]:
        """Return the range of each place: the mean of what all but ``CUT`` of each time lie below.

        Places where all were 0, or some below it, are left out.
        """
        found = {name: ranges for name, ranges in self.passed.items() if min(ranges) >= 0}
        means = {name: sum(ranges) / len(ranges) for name, ranges in found.items()}
        return {name: mean for name, mean in means.items() if mean > 0}


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


def _range_of(activations: Tensor) -> float:
    if float(activations.min()) < 0:
        return -1.0
    values = activations.detach().flatten()
    values = values[:: max(1, values.numel() // _MOST_VALUES)]
    return float(values.topk(max(1, round(CUT * len(values)))).values[-1])
