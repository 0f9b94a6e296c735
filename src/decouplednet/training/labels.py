"""How many images stage 3 labels: no more than it will draw windows from."""

import math

from decouplednet.stage_settings import SelfTrainingSettings


def most_labels(settings: SelfTrainingSettings, tagged: int) -> int:
    """Return how many of some tagged images are labelled, at most.

    >>> most_labels(SelfTrainingSettings(images=40), 100)
    40
    """
    return tagged if settings.images is None else min(tagged, settings.images)


def drawn_by_updates(settings: SelfTrainingSettings) -> int:
    """Return how many windows of pseudo-masks are drawn, where updates are counted.

    >>> drawn_by_updates(SelfTrainingSettings(updates=100, images_per_update=8, drawn_share=0.25))
    600
    """
    return math.ceil(settings.updates * _windows(settings))


def drawn_in_time(
    settings: SelfTrainingSettings,
    *,
    left: float,
    share: float,
    label: float,
    update: float,
    spare: float = math.inf,
) -> int:
    """Return how many images can be labelled and a window be drawn from each, at least one.

    Args:
        settings: of the stage.
        left: seconds for the labels and what shares the time with stage 3.
        share: of what the labels leave that is stage 3's, in (0, 1].
        label: seconds to label one image.
        update: seconds of one update.
        spare: seconds that the labels may take at most.

    >>> settings = SelfTrainingSettings(images_per_update=8, drawn_share=0.25)
    >>> drawn_in_time(settings, left=700, share=1.0, label=0.5, update=1.2)
    1000
    """
    window = update / _windows(settings)
    # n labels leave (left - n label) share seconds, in which n windows are drawn.
    drawn = share * left / (window + share * label)
    labelled = spare / label if label else math.inf
    return max(1, int(min(drawn, labelled)))


def _windows(settings: SelfTrainingSettings) -> float:
    """Return the windows of pseudo-masks in an update."""
    return settings.images_per_update * (1 - settings.drawn_share)
