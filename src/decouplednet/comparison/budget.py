"""What each cell is allowed, as the settings say it and as people read it."""

from decouplednet.counts import count
from decouplednet.settings import Settings


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
