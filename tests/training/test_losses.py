"""The two objectives against readings term by term."""

import math

import pytest
import torch
import torch.nn.functional as F

from decouplednet.training.losses import binary_iou, class_weights, mask_loss, tag_loss

NAN = float("nan")


def _sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-score))


def test_tag_loss_matches_a_reading_tag_by_tag() -> None:
    score = torch.tensor([[0.3, -1.2, 2.0], [0.0, 0.7, -0.4]])
    tags = torch.tensor([[1.0, 0.0, NAN], [0.0, 1.0, 1.0]])
    weight = torch.tensor([2.0, 1.0, 3.0])

    expected = 0.0
    for row in range(2):
        terms = []
        for column in range(3):
            tag, probability = float(tags[row, column]), _sigmoid(float(score[row, column]))
            if tag == 1:
                terms.append(-float(weight[column]) * math.log(probability))
            elif tag == 0:
                terms.append(-math.log(1 - probability))
        expected += sum(terms) / len(terms) / 2

    assert float(tag_loss(score, tags, weight)) == pytest.approx(expected, rel=1e-5)


def test_an_image_without_any_known_tag_adds_nothing_to_the_tag_loss() -> None:
    score = torch.tensor([[5.0, -5.0], [0.5, 0.2]], requires_grad=True)
    tags = torch.tensor([[NAN, NAN], [1.0, 0.0]])
    tag_loss(score, tags, torch.ones(2)).backward()  # type: ignore[no-untyped-call]  # torch
    assert score.grad is not None
    assert torch.equal(score.grad[0], torch.zeros(2))
    assert score.grad[1].abs().min() > 0


def test_the_tag_loss_of_a_batch_is_the_mean_over_its_halves() -> None:
    rng = torch.Generator().manual_seed(0)
    score = torch.randn(4, 3, generator=rng)
    tags = torch.tensor([[1, 0, NAN], [0, 1, 1], [NAN, NAN, 1], [0, 0, 1]])
    weight = torch.tensor([1.0, 2.0, 1.5])
    halves = [tag_loss(score[part], tags[part], weight) for part in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(tag_loss(score, tags, weight), torch.stack(halves).mean())


def test_class_weights_are_absent_over_present_within_their_bounds() -> None:
    tags = torch.tensor([[1, 1, 0, 1], [0, 1, 0, NAN], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0.0]])
    assert class_weights(tags, 10).tolist() == [4.0, 1.0, 4.0, 3.0]
    assert class_weights(tags, 3.5).tolist() == [3.5, 1.0, 3.5, 3.0]
    assert class_weights(tags, 1).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_a_class_that_no_image_has_gets_a_finite_weight() -> None:
    assert class_weights(torch.zeros(3, 2), 5).tolist() == [3.0, 3.0]


@pytest.mark.parametrize("outputs", [2, 4])
def test_mask_loss_matches_a_reading_pixel_by_pixel(outputs: int) -> None:
    rng = torch.Generator().manual_seed(1)
    score = torch.randn(2, outputs, 3, 5, generator=rng)
    target = torch.randint(0, outputs, (2, 3, 5), generator=rng, dtype=torch.uint8)
    target[0, 0, 0] = target[1, 2, 4] = target[1, 1, 1] = 255

    expected = 0.0
    for image in range(2):
        terms = []
        for row in range(3):
            for column in range(5):
                truth = int(target[image, row, column])
                if truth != 255:
                    powers = [math.exp(float(x)) for x in score[image, :, row, column]]
                    terms.append(-math.log(powers[truth] / sum(powers)))
        expected += sum(terms) / len(terms) / 2

    assert float(mask_loss(score, target)) == pytest.approx(expected, rel=1e-5)


def test_ignored_pixels_and_maps_give_no_gradient() -> None:
    score = torch.zeros(2, 2, 3, 4, requires_grad=True)
    target = torch.zeros(2, 3, 4, dtype=torch.uint8)
    target[0] = 255
    target[1, 2, 1] = 255
    loss = mask_loss(score, target)
    loss.backward()  # type: ignore[no-untyped-call]  # torch
    assert math.isfinite(loss.item())
    assert score.grad is not None
    assert torch.equal(score.grad[0], torch.zeros(2, 3, 4))
    assert torch.equal(score.grad[1, :, 2, 1], torch.zeros(2))
    assert score.grad[1, 0, 0, 0] < 0


def test_binary_iou_counts_intersection_and_union_without_ignored_pixels() -> None:
    target = torch.tensor([[[1, 1, 0], [255, 0, 1]]], dtype=torch.uint8)
    said = torch.tensor([[[1, 0, 1], [1, 0, 1]]])
    score = F.one_hot(said, 2).movedim(-1, 1).float()
    assert binary_iou(score, target).tolist() == [2, 4]
