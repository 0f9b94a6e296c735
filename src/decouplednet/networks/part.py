"""What the parts of a network are beside their own work."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from torch import nn


class Part(Protocol):
    """A module of torch, as far as it is used without knowing which one it is."""

    def modules(self) -> Iterator[nn.Module]:
        """Return the module and all it holds."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return its weights."""

    def state_dict(self) -> dict[str, Any]:
        """Return its weights and running statistics by name."""

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> object:
        """Take weights and running statistics by name."""
