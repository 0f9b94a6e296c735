"""What the training of each cell may take, as the settings say it and as people read it."""

from collections.abc import Mapping

from decouplednet.counts import count
from decouplednet.settings import Settings
from decouplednet.stage_settings import StageSettings
from decouplednet.training.budget import SECTIONS, shares_of, stages_of


def of_each_cell(settings: Settings) -> Settings:
    """Return settings whose minutes, if they are those of a whole run, are those of its stages.

    Features and scores are not counted in a comparison: the first cell of a seed computes the
    features for all.

    >>> settings = of_each_cell(Settings(minutes=10))
    >>> settings.minutes, settings.classifier.minutes, settings.segmenter.minutes
    (None, 2.0, 8.0)
    """
    if settings.minutes is None:
        return settings
    given = {name: stage.minutes or 0 for name, stage in stages_of(settings).items()}
    left = settings.minutes - sum(given.values())
    open_shares = {name: share for name, share in shares_of(settings).items() if not given[name]}
    divided = {
        f"{SECTIONS[name]}.minutes": left * share / sum(open_shares.values())
        for name, share in open_shares.items()
    }
    return settings.changed({"minutes": None, **divided})


def divided_anew(settings: Settings, shares: Mapping[str, float], among: Settings) -> Settings:
    """Return settings in which other stages share the same minutes, if stages have any.

    >>> settings = of_each_cell(Settings(minutes=10))
    >>> divided_anew(settings, {"segmenter": 1.0}, settings).segmenter.minutes
    10.0

    Args:
        settings: changed where ``among`` gives minutes to each of its stages.
        shares: of the stages that shall have the minutes; they sum to 1.
        among: whose stages' minutes these are.
    """
    given = [stage.minutes for stage in stages_of(among).values()]
    known = [minutes for minutes in given if minutes is not None]
    if len(known) < len(given):
        return settings
    total = sum(known)
    return settings.changed(
        {f"{SECTIONS[name]}.minutes": total * share for name, share in shares.items()}
    )


def stated(settings: Settings) -> str:
    """Return what the settings in common allow a cell.

    >>> stated(Settings(minutes=10)), stated(of_each_cell(Settings(minutes=10)))
    ('updates chosen for the tags, updates chosen for the masks', '10 minutes of training')
    """
    every = [stage.minutes for stage in stages_of(settings).values()]
    given = [minutes for minutes in every if minutes is not None]
    if len(given) == len(every):
        return f"{sum(given):g} minutes of training"
    return ", ".join(
        _allowed(stage, thing, source)
        for stage, thing, source in (
            (settings.classifier, "image", "tags"),
            (settings.segmenter, "window", "masks"),
        )
    )


def _allowed(stage: StageSettings, thing: str, source: str) -> str:
    if stage.minutes is not None:
        return f"{stage.minutes:g} minutes from {source}"
    if stage.updates is None:
        return f"updates chosen for the {source}"
    images = count(stage.images_per_update, thing)
    return f"{count(stage.updates, 'update')} of {images} from {source}"
