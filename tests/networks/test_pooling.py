import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from decouplednet.networks.pooling import (
    MAX_POOLING,
    LogSumExpPooling,
    MaxPooling,
    Pooling,
    TopKPooling,
)

POOLINGS = (MAX_POOLING, LogSumExpPooling(sharpness=1.5), TopKPooling(top_share=0.3))


def draw() -> Tensor:
    rng = torch.Generator().manual_seed(3)
    return torch.randn(2, 5, 3, 4, generator=rng, dtype=torch.float64)


def read(pooling: Pooling, scores: list[float]) -> float:
    """Return what becomes of the scores of one class, by arithmetic alone."""
    if isinstance(pooling, LogSumExpPooling):
        r = pooling.sharpness
        return math.log(sum(math.exp(r * score) for score in scores) / len(scores)) / r
    count = 4 if isinstance(pooling, TopKPooling) else 1  # 3.6 of 12, rounded up
    highest = sorted(scores, reverse=True)[:count]
    return sum(highest) / len(highest)


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
def test_the_pooled_score_equals_a_reading_class_by_class(pooling: Pooling) -> None:
    scores = draw()

    got = pooling.pool(scores)

    for image in range(2):
        for label in range(5):
            expected = read(pooling, scores[image, label].flatten().tolist())
            assert float(got[image, label]) == pytest.approx(expected)


@pytest.mark.parametrize("pooling", POOLINGS[1:], ids=str)
def test_the_share_of_a_position_is_the_gradient_of_the_pooled_score(pooling: Pooling) -> None:
    scores = draw().requires_grad_()
    (expected,) = torch.autograd.grad(pooling.pool(scores).sum(), scores)

    share = pooling.share(scores.detach())

    assert share is not None
    assert share.shape == scores.shape
    torch.testing.assert_close(share, expected)
    torch.testing.assert_close(share.sum(dim=(2, 3)), torch.ones(2, 5, dtype=torch.float64))


def test_the_share_of_the_maximum_is_none_for_all_of_it_lies_at_the_maximum() -> None:
    assert MAX_POOLING.share(draw()) is None


def test_log_sum_exp_lies_between_mean_and_maximum_by_its_sharpness() -> None:
    scores = draw()
    mean, highest = scores.mean(dim=(2, 3)), scores.amax(dim=(2, 3))

    blunt, usual, sharp = (
        LogSumExpPooling(sharpness=sharpness).pool(scores) for sharpness in (1e-4, 2.0, 1e4)
    )

    torch.testing.assert_close(blunt, mean, atol=1e-3, rtol=0)
    torch.testing.assert_close(sharp, highest, atol=1e-3, rtol=0)
    assert ((mean < usual) & (usual < highest)).all()


def test_large_scores_do_not_overflow() -> None:
    scores = torch.full((1, 1, 2, 2), 1e4)

    assert float(LogSumExpPooling(sharpness=10.0).pool(scores)) == pytest.approx(1e4)


def test_top_k_of_all_positions_is_the_mean() -> None:
    pooling, scores = TopKPooling(top_share=1), draw()

    share = pooling.share(scores)

    torch.testing.assert_close(pooling.pool(scores), scores.mean(dim=(2, 3)))
    assert share is not None
    torch.testing.assert_close(share, torch.full_like(scores, 1 / 12))


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
def test_a_pooling_comes_back_from_what_a_model_holds(pooling: Pooling) -> None:
    adapter: TypeAdapter[Pooling] = TypeAdapter(Pooling)

    assert adapter.validate_python(pooling.model_dump()) == pooling


@pytest.mark.parametrize(
    "values",
    [
        {"name": "mean"},
        {"name": "top-k", "top_share": 0.0},
        {"name": "top-k", "top_share": 1.5},
        {"name": "log-sum-exp", "sharpness": -1.0},
        {"name": "log-sum-exp"},
        {"name": "max", "count": 3},
    ],
)
def test_what_is_no_pooling_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Pooling).validate_python(values)


def test_poolings_say_what_they_are() -> None:
    assert [str(pooling) for pooling in (MaxPooling(), *POOLINGS[1:])] == [
        "maximum",
        "log-sum-exp of sharpness 1.5",
        "mean of the highest 30% of the positions",
    ]
