"""Pseudo labels and their loss against a reading pixel by pixel."""

import math

import pytest
import torch
from torch import Tensor

from decouplednet.comparison.baselines.sure_pixels import sure_classes, sure_loss

B, C, H, W = 2, 4, 3, 5


def scores(seed: int = 0) -> Tensor:
    return torch.randn(B, C, H, W, generator=torch.Generator().manual_seed(seed)) * 3


def content() -> Tensor:
    seen = torch.ones(B, H, W, dtype=torch.bool)
    seen[0, :, 3:] = False
    return seen


def softmax(score: Tensor, image: int, row: int, column: int) -> list[float]:
    powers = [math.exp(float(score[image, place, row, column])) for place in range(C)]
    return [power / sum(powers) for power in powers]


def test_only_what_is_sure_and_seen_is_labelled() -> None:
    labels = sure_classes(scores(), content(), 0.8)

    kinds = set()
    for image in range(B):
        for row in range(H):
            for column in range(W):
                probability = softmax(scores(), image, row, column)
                sure = max(probability) >= 0.8 and bool(content()[image, row, column])
                expected = probability.index(max(probability)) if sure else 255
                assert int(labels[image, row, column]) == expected
                kinds.add(sure)
    assert kinds == {True, False}


@pytest.mark.parametrize(("threshold", "labelled"), [(0.0, True), (1.0, False)])
def test_the_threshold_decides_how_much_is_labelled(threshold: float, labelled: bool) -> None:
    labels = sure_classes(scores(), content(), threshold)

    assert bool((labels[content()] != 255).all()) == labelled
    assert bool((labels[~content()] == 255).all())


def test_the_loss_is_that_of_sure_pixels_by_the_number_of_pixels_seen() -> None:
    target = sure_classes(scores(), content(), 0.8)
    strong, expected = scores(1), 0.0
    for image in range(B):
        total = 0.0
        for row in range(H):
            for column in range(W):
                label = int(target[image, row, column])
                if label != 255:
                    total -= math.log(softmax(strong, image, row, column)[label])
        expected += total / int(content()[image].sum()) / B

    assert float(sure_loss(strong, target, content())) == pytest.approx(expected, rel=1e-5)


def test_without_any_sure_or_seen_pixel_the_loss_is_zero_and_has_a_gradient() -> None:
    strong = scores(1).requires_grad_()
    nothing = torch.full((B, H, W), 255)

    loss = sure_loss(strong, nothing, torch.zeros(B, H, W, dtype=torch.bool))
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own

    assert float(loss.detach()) == 0
    assert strong.grad is not None
    assert not strong.grad.any()
