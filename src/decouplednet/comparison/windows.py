"""Whether an update from windows is worth the same in all methods."""

from collections.abc import Collection, Iterator, Mapping

from decouplednet.comparison.baseline_training import ACTIVATION_MAPS, CONSISTENCY
from decouplednet.comparison.baselines.consistency import ConsistencySettings
from decouplednet.comparison.baselines.views import STRONG_VIEWS
from decouplednet.comparison.budget import minutes_of_cell
from decouplednet.comparison.methods import METHODS
from decouplednet.counts import count
from decouplednet.networks.modern import MODERN
from decouplednet.networks.presets import preset_named
from decouplednet.settings import Settings


def uneven_windows(common: Settings, methods: Collection[str]) -> str | None:
    """Return what is said where updates are the budget and some see more windows, or larger ones.

    What a method learns from is read from its own settings. Methods without a third stage make its
    updates in their second, see ``budget.divided_anew``.

    Args:
        common: to all methods, with the minutes ``of_each_cell``.
        methods: names of those that are compared; one that is not among ``METHODS`` is taken to
            keep to the settings in common.

    Returns:
        The sentence, which names every method that learns from windows; None where minutes end the
        second stage, where fewer than two methods learn from windows, or where all of their updates
        see as many windows of one size.
    """
    timed = minutes_of_cell(common) is not None or common.segmenter.minutes is not None
    learning = {*methods} - {ACTIVATION_MAPS.name}
    if timed or len(learning) < 2:
        return None
    seen = _seen_in_updates(common, learning)
    if len({windows for each in seen.values() for windows in each}) == 1:
        return None
    names_by_text: dict[str, list[str]] = {}
    for name, each in seen.items():
        names_by_text.setdefault(_in_words(name, each), []).append(name)
    told = (f"in {', '.join(names)}: {text}" for text, names in names_by_text.items())
    return f"an update is not worth the same in all methods; it sees, {'; '.join(told)}"


def _seen_in_updates(common: Settings, names: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Return what the updates of each method learn from, each thing once."""
    known = {method.name: method for method in METHODS}
    ordered = [*(name for name in known if name in names), *sorted({*names} - {*known})]
    return {
        name: tuple(dict.fromkeys(_windows(name, known[name].settings(common))))
        if name in known
        else (_of_second(common),)
        for name in ordered
    }


def _windows(name: str, its: Settings) -> Iterator[str]:
    """Yield what updates learn from: those of the second stage, then those that differ."""
    yield _of_second(its)
    student = its.self_training
    if student.enabled and student.minutes is None:
        yield _text(student.images_per_update, student.side or _side_of_second(its), its)
    if name == CONSISTENCY.name:
        views = (1 + STRONG_VIEWS) * its.segmenter.images_per_update
        yield f"{count(views, 'view')} of images without their masks"


def _in_words(name: str, each: tuple[str, ...]) -> str:
    first, *others = each
    if name not in {method.name for method in METHODS}:
        return f"{first}, if it keeps to the settings in common"
    if not others:
        return first
    if name == CONSISTENCY.name:
        later = 1 - ConsistencySettings().supervised_share
        return f"{first}, and in the last {100 * later:g} % of its updates {others[0]} too"
    return f"{first} in the second stage and {others[0]} in the third"


def _of_second(its: Settings) -> str:
    return _text(its.segmenter.images_per_update, _side_of_second(its), its)


def _side_of_second(its: Settings) -> int | None:
    """Return the side of the windows of stage 2, in pixels; None: as the backbone has it."""
    given = its.segmenter.side or its.side
    if given or its.preset == MODERN:
        return given
    return preset_named(its.preset).side


def _text(images: int, side: int | None, its: Settings) -> str:
    size = f"{side} pixels" if side else f"the usual side of preset {its.preset}"
    return f"{count(images, 'window')} of {size}"
