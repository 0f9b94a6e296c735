"""Whether an update from windows is worth the same in all methods."""

from collections.abc import Collection

from decouplednet.comparison.baseline_training import ACTIVATION_MAPS
from decouplednet.comparison.budget import minutes_of_cell, updates_from_windows
from decouplednet.comparison.own_training import IMPROVED
from decouplednet.counts import count
from decouplednet.networks.presets import preset_named
from decouplednet.settings import Settings


def uneven_windows(common: Settings, methods: Collection[str]) -> str | None:
    """Return what is said where updates are the budget and some see more windows, or larger ones.

    Methods without a third stage make its updates in their second, see ``budget.divided_anew``.

    Args:
        common: to all methods, with the minutes ``of_each_cell``.
        methods: names of those that are compared.

    Returns:
        The sentence; None where minutes are the budget, where no third stage stands beside methods
        without one, or where its windows are as many and as large as those of the second.
    """
    timed = minutes_of_cell(common) is not None or updates_from_windows(common) is None
    if timed or IMPROVED.name not in methods or not {*methods} - {IMPROVED.name, _NO_WINDOWS}:
        return None
    its = IMPROVED.settings(common)
    if not its.self_training.enabled:
        return None
    second = _windows(common.segmenter.images_per_update, _side_of_second(common))
    side = its.self_training.side or _side_of_second(its)
    third = _windows(its.self_training.images_per_update, side)
    if second == third:
        return None
    return (
        f"an update of the third stage of {IMPROVED.name} learns from {third}, one of the second "
        f"stages, in which the other methods make as many updates, from {second}: they are not "
        "worth the same"
    )


_NO_WINDOWS = ACTIVATION_MAPS.name


def _side_of_second(settings: Settings) -> int:
    """Return the side of the windows of stage 2, in pixels."""
    return settings.segmenter.side or settings.side or preset_named(settings.preset).side


def _windows(images: int, side: int) -> str:
    return f"{count(images, 'window')} of {side} pixels"
