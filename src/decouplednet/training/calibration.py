"""Probabilities that can be believed: class scores calibrated on tags that nothing learnt from."""

import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.annotations.images import read_image
from decouplednet.dataset.tagged import tag_targets
from decouplednet.inference.batches import batched
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Calibration, Procedure
from decouplednet.progress import bar
from decouplednet.training.plan import Plan
from decouplednet.training.thresholds import choose_thresholds

PRIOR = 1.0
"""Weight of the uncalibrated sigmoid: one tag's worth, so that a few tags move little."""
LEAST_SLOPE = 1e-3
_STEPS = 100


def calibrate(predictor: Predictor, plan: Plan) -> Procedure:
    """Return how a model predicts, with what the images that were kept for it say.

    They calibrate its probabilities and, where the settings ask for it, choose the threshold of
    each class. Without such images it predicts as before.

    Args:
        predictor: of the trained network; sees the images as it will later.
        plan: of the run.

    Raises:
        DataError: an image cannot be read.
    """
    records = plan.roles.calibration
    if not records:
        return predictor.procedure
    progress = bar("calibration", quiet=not plan.machine.progress)
    scores = [
        predictor.scores([read_image(record.image) for record in batch]).cpu()
        for batch in batched(progress(records))
    ]
    names = [plan.catalogue.training_tags(record, mask_given=False) for record in records]
    score = torch.cat(scores)
    tags = tag_targets(names, plan.classes, [record.unsaid for record in records])
    procedure = predictor.procedure.model_copy(update={"calibration": fit_calibration(score, tags)})
    settings = plan.settings.prediction
    if settings.threshold_choice == "fixed":
        return procedure
    probability = procedure.probability(score)
    thresholds = choose_thresholds(probability, tags, usual=settings.threshold)
    return procedure.model_copy(update={"thresholds": thresholds})


def fit_calibration(score: Tensor, tags: Tensor) -> Calibration:
    """Return the slope and offset of each class that make its tags most probable.

    The sum over the images of the sigmoid cross-entropy of ``slope * score + offset``, and
    ``PRIOR / 2`` times the squared distance from slope 1 and offset 0, is least.

    Args:
        score: (N, L) class scores before the sigmoid.
        tags: (N, L) float: 1 present, 0 absent, NaN not known.
    """
    start = torch.tensor([1.0, 0.0], dtype=torch.float64)
    pairs = [
        _fit(of_class[~given.isnan()].double(), given[~given.isnan()].double(), start)
        for of_class, given in zip(score.T, tags.T, strict=True)
    ]
    slope, offset = torch.stack(pairs).T.tolist()
    return Calibration(slope=tuple(max(each, LEAST_SLOPE) for each in slope), offset=tuple(offset))


def _fit(score: Tensor, tags: Tensor, start: Tensor) -> Tensor:
    """Return the (2,) slope and offset of one class, by L-BFGS: the sum is smooth and convex."""
    pair = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([pair], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(pair[0] * score + pair[1], tags, reduction="sum")
        total: Tensor = loss + PRIOR / 2 * (pair - start).square().sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch
    return pair.detach()
