"""What the training of each cell may take, as the settings say it and as people read it."""

import re
from collections.abc import Mapping, Sequence

from decouplednet.comparison.method import Method
from decouplednet.counts import count
from decouplednet.errors import SettingsError, UsageError
from decouplednet.settings import Settings
from decouplednet.stage_settings import StageSettings
from decouplednet.training.budget import SECTIONS, SHARES, shares_of, stages_of

USUAL_MINUTES = 10.0  # of a cell, where no budget is given
_FROM_WINDOWS = ("segmenter.updates", "self_training.updates")


def of_each_cell(settings: Settings) -> Settings:
    """Return settings whose minutes, if they are those of a whole run, are those of its stages.

    Features and scores are not counted in a comparison: the first cell of a seed computes the
    features for all.

    Raises:
        SettingsError: stages are given all of them or more.

    >>> settings = of_each_cell(Settings(minutes=10))
    >>> settings.minutes, settings.classifier.minutes, settings.segmenter.minutes
    (None, 2.0, 8.0)
    """
    if settings.minutes is None:
        return settings
    given = {name: stage.minutes or 0 for name, stage in stages_of(settings).items()}
    left = settings.minutes - sum(given.values())
    open_shares = {name: share for name, share in shares_of(settings).items() if not given[name]}
    if open_shares and left <= 0:
        named = ", ".join(
            f"{SECTIONS[name]}.minutes = {minutes:g}" for name, minutes in given.items() if minutes
        )
        raise SettingsError(
            f"minutes = {settings.minutes:g}: {named} leave nothing of them for the other stages; "
            "give more minutes, or leave theirs to be chosen"
        )
    divided = {
        f"{SECTIONS[name]}.minutes": left * share / sum(open_shares.values())
        for name, share in open_shares.items()
    }
    return settings.changed({"minutes": None, **divided})


def divided_anew(settings: Settings, shares: Mapping[str, float], among: Settings) -> Settings:
    """Return settings in which other stages share the same minutes, or the same updates.

    Where all updates from windows are given, a method without a third stage makes those of the
    second and of the third in its second.

    >>> settings = of_each_cell(Settings(minutes=10))
    >>> divided_anew(settings, {"segmenter": 1.0}, settings).segmenter.minutes
    10.0
    >>> settings = Settings(segmenter={"updates": 50}, self_training={"updates": 90})
    >>> divided_anew(settings, {"segmenter": 1.0}, settings).segmenter.updates
    140

    Args:
        settings: changed where ``among`` gives minutes to each of its stages, or all updates from
            windows.
        shares: of the stages that shall have the minutes; they sum to 1.
        among: whose stages' minutes or updates these are.
    """
    total = _minutes_of(stages_of(among))
    if total is None:
        windows = updates_from_windows(among)
        if windows is None or "segmenter" not in shares or "student" in shares:
            return settings
        return settings.changed({"segmenter.updates": windows})
    return settings.changed(
        {f"{SECTIONS[name]}.minutes": total * share for name, share in shares.items()}
    )


def updates_from_windows(settings: Settings) -> int | None:
    """Return the updates of stages 2 and 3 together; None where one of them was not given."""
    segmenter, student = settings.segmenter, settings.self_training
    timed = segmenter.minutes is not None or student.minutes is not None
    if timed or segmenter.updates is None or not settings.gives("self_training.updates"):
        return None
    return segmenter.updates + student.updates


def minutes_of_cell(settings: Settings) -> float | None:
    """Return the minutes that each cell is trained; None where updates end it.

    Args:
        settings: common to all cells, as from ``of_each_cell``.
    """
    return _minutes_of(stages_of(settings))


def _minutes_of(stages: Mapping[str, StageSettings]) -> float | None:
    """Return the minutes of all stages together; None where one has none."""
    given = [stage.minutes for stage in stages.values()]
    known = [minutes for minutes in given if minutes is not None]
    return sum(known) if len(known) == len(given) else None


def with_budget(common: Settings) -> Settings:
    """Return the settings of a new comparison, each cell's minutes chosen if no budget is given.

    They do not depend on the methods: more may come later, and updates would be no budget for one
    that has a third stage.

    >>> with_budget(Settings()).minutes, with_budget(Settings(segmenter={"updates": 70})).minutes
    (10.0, None)

    Args:
        common: to all methods, as they were given.
    """
    named = ("minutes", "classifier.minutes", "segmenter.minutes")
    given = any(map(common.gives, (*named, "classifier.updates", "segmenter.updates")))
    return common if given else common.changed({"minutes": USUAL_MINUTES})


def check_budget(common: Settings, methods: Sequence[Method]) -> None:
    """Refuse a third stage where cells have no minutes and not all updates are given.

    Args:
        common: to all methods, with the minutes ``of_each_cell``.
        methods: to train.

    Raises:
        UsageError: a method has a third stage, and the updates of the second or of the third were
            left to be chosen.
    """
    in_time = _minutes_of(stages_of(common)) is not None
    if in_time or updates_from_windows(common) is not None:
        return
    longer = [method.name for method in methods if len(stages_of(method.settings(common))) > 2]
    if longer:
        rest = ",".join(method.name for method in methods if method.name not in longer)
        leave = f", or leave {', '.join(longer)} out: --methods {rest}" if rest else ""
        raise UsageError(
            f"--methods: {', '.join(longer)} trains a third stage; give the --minutes of a cell, "
            f"or {' and '.join(_FROM_WINDOWS)}, which the other methods make in their second{leave}"
        )


def stated(settings: Settings, names: Sequence[str] | None = None) -> str:
    """Return what settings allow a cell.

    >>> stated(Settings(minutes=10)), stated(of_each_cell(Settings(minutes=10)))
    ('updates chosen for the tags, updates chosen for the masks', '10 minutes of training')

    Args:
        settings: of a cell, or of all.
        names: of the stages that the cell has; None: all of the settings.
    """
    every = stages_of(settings)
    stages = {name: every[name] for name in names or every}
    minutes = _minutes_of(stages)
    if minutes is not None:
        return f"{minutes:g} {'minute' if minutes == 1 else 'minutes'} of training"
    return ", ".join(_allowed(stage, *_LEARNT[name]) for name, stage in stages.items())


def stated_in_common(common: Settings) -> str:
    """Return what the settings in common allow every cell; updates are those of two stages."""
    in_time = _minutes_of(stages_of(common)) is not None
    return stated(common) if in_time else stated(divided_anew(common, SHARES, common), [*SHARES])


def counts_updates(sentence: str) -> bool:
    """Return whether a budget counts updates: how long they took depends on what ran beside them.

    >>> counts_updates("10 minutes of training"), counts_updates("1 update of 8 windows from masks")
    (False, True)

    Args:
        sentence: what a cell was allowed, as from ``stated``.
    """
    return re.search(r"\bupdates?\b", sentence) is not None


_LEARNT = {
    "classifier": ("image", "tags"),
    "segmenter": ("window", "masks"),
    "student": ("window", "pseudo-masks"),
}
"""What a stage takes at once, and from what."""


def _allowed(stage: StageSettings, thing: str, source: str) -> str:
    if stage.minutes is not None:
        return f"{stage.minutes:g} minutes from {source}"
    if stage.updates is None:
        return f"updates chosen for the {source}"
    images = count(stage.images_per_update, thing)
    return f"{count(stage.updates, 'update')} of {images} from {source}"
