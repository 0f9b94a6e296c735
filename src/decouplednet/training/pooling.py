"""How a run pools the scores of its classifier."""

from decouplednet.networks.pooling import MAX_POOLING, LogSumExpPooling, Pooling, TopKPooling
from decouplednet.stage_settings import ClassifierSettings

SHARPNESS, COUNT = 4.0, 3


def pooling_of(settings: ClassifierSettings) -> Pooling:
    """Return how the head pools its scores, with what is left to choose chosen."""
    if settings.pooling == "log-sum-exp":
        return LogSumExpPooling(sharpness=settings.pooling_sharpness or SHARPNESS)
    if settings.pooling == "top-k":
        return TopKPooling(count=settings.pooling_count or COUNT)
    return MAX_POOLING
