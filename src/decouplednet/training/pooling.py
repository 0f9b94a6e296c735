"""How a run pools the scores of its classifier."""

from decouplednet.networks.pooling import MAX_POOLING, LogSumExpPooling, Pooling, TopKPooling
from decouplednet.stage_settings import ClassifierSettings

SHARPNESS, TOP_SHARE = 4.0, 0.25


def pooling_of(settings: ClassifierSettings) -> Pooling:
    """Return how the head pools its scores, by the usual numbers where none are given."""
    if settings.pooling == "log-sum-exp":
        return LogSumExpPooling(sharpness=settings.pooling_sharpness or SHARPNESS)
    if settings.pooling == "top-k":
        return TopKPooling(top_share=settings.pooling_top_share or TOP_SHARE)
    return MAX_POOLING
