"""What each cell is allowed, as the settings say it and as people read it."""

from decouplednet.counts import count
from decouplednet.settings import Settings

TAGS_SHARE = 0.2
"""Of the minutes of a cell, what the stage that learns from tags gets; masks get the rest."""


def minutes_as_changes(minutes: float) -> list[str]:
    """Return the changes of settings that give a cell so many minutes, as given to ``--set``.

    Args:
        minutes: of training, both stages together.

    >>> minutes_as_changes(10)
    ['classifier.minutes=2', 'segmenter.minutes=8']
    """
    tags = TAGS_SHARE * minutes
    return [f"classifier.minutes={tags:g}", f"segmenter.minutes={minutes - tags:g}"]


def stated(settings: Settings) -> str:
    """Return what the settings in common allow a cell.

    >>> stated(Settings())
    '1200 updates of 64 images from tags, 600 updates of 8 windows from masks'
    """
    classifier, segmenter = settings.classifier, settings.segmenter
    return (
        f"{count(classifier.updates, 'update')} of "
        f"{count(classifier.images_per_update, 'image')} from tags, "
        f"{count(segmenter.updates, 'update')} of "
        f"{count(segmenter.images_per_update, 'window')} from masks"
    )
