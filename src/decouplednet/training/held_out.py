"""How many masks stage 2 leaves out to choose something by, and that some are left to it."""

from decouplednet.counts import count
from decouplednet.errors import TrainingError
from decouplednet.settings import Settings

SEGMENTER, STUDENT = "segmenter.held_out", "self_training.held_out"
_REMEDIES = {
    SEGMENTER: "train a fixed number of updates without held_out and patience",
    STUDENT: "set self_training.enabled=false",
}


def share_held_out(settings: Settings, *, labels: bool) -> tuple[str, float]:
    """Return the setting that says which share of the masks stage 2 leaves out, and the share.

    Early stopping and what stage 3 believes are chosen by the same masks. Where no image is left to
    label, there is nothing to believe.

    Args:
        settings: of the run.
        labels: whether stage 3 would have images to label.
    """
    share = settings.segmenter.held_out
    if settings.self_training.enabled and labels and not share:
        return STUDENT, settings.self_training.held_out
    return SEGMENTER, share


def number_held_out(masks: int, share: float, setting: str) -> int:
    """Return how many masks a share is; at least one when it is above 0.

    Args:
        masks: how many there are.
        share: of them that is left out, in [0, 1).
        setting: name of the share, for the message.

    Raises:
        TrainingError: nothing would be left to train from.

    >>> number_held_out(6, 0.4, SEGMENTER), number_held_out(6, 0.01, SEGMENTER)
    (2, 1)
    """
    if share == 0:
        return 0
    number = max(1, round(share * masks))
    if number >= masks:
        lower = "lower it, " if masks > 1 else ""
        raise TrainingError(
            f"{setting} = {share:g} of {count(masks, 'mask')} leaves none to train from; "
            f"add masks, {lower}or {_REMEDIES[setting]}"
        )
    return number
