"""The methods that ``decouplednet compare`` can train."""

from collections.abc import Sequence

from decouplednet.classes import nearest_name
from decouplednet.comparison.baseline_training import (
    ACTIVATION_MAPS,
    CONSISTENCY,
    ONE_NETWORK,
)
from decouplednet.comparison.method import Method
from decouplednet.comparison.own_training import DECOUPLEDNET, IMPROVED, MASKS_ONLY
from decouplednet.errors import UsageError

METHODS: tuple[Method, ...] = (
    DECOUPLEDNET,
    IMPROVED,
    MASKS_ONLY,
    ONE_NETWORK,
    ACTIVATION_MAPS,
    CONSISTENCY,
)


def choose_methods(names: Sequence[str] | None) -> tuple[Method, ...]:
    """Return the methods of some names; all for None.

    Raises:
        UsageError: there is no method of a name, the message names the nearest one; or one is
            named twice.
    """
    if names is None:
        return METHODS
    by_name = {method.name: method for method in METHODS}
    for name in names:
        if name not in by_name:
            near = nearest_name(name, by_name)
            hint = f"did you mean {near}?" if near else f"the methods are {', '.join(by_name)}"
            raise UsageError(f"--methods: there is no method {name!r}; {hint}")
    if len(set(names)) < len(names):
        raise UsageError(f"--methods: {', '.join(names)}: expected different methods")
    return tuple(by_name[name] for name in names)
