"""The threshold of each class against all others that there are."""

import pytest
import torch

from decouplednet.training.thresholds import choose_thresholds


def f1(probability: list[float], tags: list[float], threshold: float) -> float:
    """Return how well a threshold finds the tags that are known."""
    hits = misses = alarms = 0
    for one, tag in zip(probability, tags, strict=True):
        if tag == 1:
            hits, misses = hits + (one > threshold), misses + (one <= threshold)
        elif tag == 0:
            alarms += one > threshold
    return 2 * hits / (2 * hits + misses + alarms) if hits else 0.0


@pytest.mark.parametrize("seed", range(6))
def test_no_other_threshold_finds_the_tags_better(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    tags = (torch.rand(37, 4, generator=rng) < 0.3).float()
    probability = (torch.rand(37, 4, generator=rng) + 0.4 * tags).clamp(0, 1)
    probability = (20 * probability).round() / 20  # many images share a probability
    tags[torch.rand(37, 4, generator=rng) < 0.2] = torch.nan

    thresholds = choose_thresholds(probability, tags, usual=0.5)

    assert len(thresholds) == 4
    for place, chosen in enumerate(thresholds):
        one, known = probability[:, place].tolist(), tags[:, place].tolist()
        best = max(f1(one, known, step / 1000) for step in range(1001))
        assert f1(one, known, chosen) == pytest.approx(best)


def test_a_threshold_lies_in_the_middle_between_two_images() -> None:
    probability = torch.tensor([[0.1, 0.2], [0.3, 0.9], [0.4, 0.6], [0.8, 0.7]])
    tags = torch.tensor([[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])

    assert choose_thresholds(probability, tags, usual=0.5) == pytest.approx((0.35, 0.1))


def test_of_equally_good_thresholds_the_nearest_to_the_usual_one_is_chosen() -> None:
    # Above 0.55 one of one is right, of two present; above 0.05 two of four.
    probability = torch.tensor([[0.7], [0.4], [0.2], [0.1]])
    tags = torch.tensor([[1.0], [0.0], [0.0], [1.0]])

    assert f1([0.7, 0.4, 0.2, 0.1], [1, 0, 0, 1], 0.55) == pytest.approx(2 / 3)
    assert f1([0.7, 0.4, 0.2, 0.1], [1, 0, 0, 1], 0.05) == pytest.approx(2 / 3)
    assert choose_thresholds(probability, tags, usual=0.5) == pytest.approx((0.55,))
    assert choose_thresholds(probability, tags, usual=0.1) == pytest.approx((0.05,))


@pytest.mark.parametrize("tag", [0.0, 1.0, torch.nan])
def test_a_class_that_is_always_or_never_there_keeps_the_usual_threshold(tag: float) -> None:
    tags = torch.full((5, 1), tag)
    tags[3] = torch.nan

    assert choose_thresholds(torch.rand(5, 1), tags, usual=0.3) == (0.3,)
