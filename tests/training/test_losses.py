"""The two objectives against readings term by term."""

import math

import pytest
import torch
import torch.nn.functional as F

from decouplednet.training.losses import (
    binary_iou,
    cell_shares,
    class_weights,
    mask_loss,
    position_loss,
    tag_loss,
)

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


def _masks() -> torch.Tensor:
    """Return (2, 15, 20) ids of three classes, background and 255, in blobs and single pixels."""
    rng = torch.Generator().manual_seed(3)
    mask = torch.randint(0, 4, (2, 5, 4), generator=rng).to(torch.uint8)
    mask = mask.repeat_interleave(3, 1).repeat_interleave(5, 2)
    mask[0, :6, :9] = 255
    mask[1, 4, 7] = 255
    return mask


def test_cell_shares_match_a_reading_pixel_by_pixel() -> None:
    mask = _masks()
    share, known = cell_shares(mask, (5, 3), 3)  # 20 columns do not divide by 3

    for image in range(2):
        for row in range(5):
            for column in range(3):
                pixels = [
                    int(mask[image, y, x])
                    for y in range(15)
                    for x in range(20)
                    if (y * 5 // 15, x * 3 // 20) == (row, column)
                ]
                told = [pixel for pixel in pixels if pixel != 255]
                assert float(known[image, 0, row, column]) == pytest.approx(len(told) / len(pixels))
                for label in (1, 2, 3):
                    expected = told.count(label) / len(told) if told else 0.0
                    assert float(share[image, label - 1, row, column]) == pytest.approx(expected)


def test_position_loss_matches_a_reading_position_by_position() -> None:
    mask = _masks()
    score = torch.randn(2, 3, 3, 2, generator=torch.Generator().manual_seed(4))
    share, known = cell_shares(mask, (5, 4), 3)

    terms: list[list[float]] = [[], []]
    for image in range(2):
        for row in range(3):
            for column in range(2):
                cell = image, slice(None), row + 1, column + 1  # fc6 of 3 x 3 sees this middle
                if float(known[cell][0]) < 0.5:
                    continue
                for label in range(3):
                    probability = _sigmoid(float(score[image, label, row, column]))
                    part = float(share[cell][label])
                    terms[image].append(
                        -part * math.log(probability) - (1 - part) * math.log(1 - probability)
                    )

    assert 0 < len(terms[0]) < len(terms[1]) == 3 * 2 * 3  # some cells are not known
    expected = sum(sum(of_image) / len(of_image) for of_image in terms) / 2
    assert float(position_loss(score, mask, (5, 4))) == pytest.approx(expected, rel=1e-5)


def test_positions_of_which_nothing_is_known_teach_nothing() -> None:
    score = torch.ones(1, 2, 3, 3, requires_grad=True)
    loss = position_loss(score, torch.full((1, 9, 9), 255, dtype=torch.uint8), (3, 3))

    assert loss.item() == 0
    loss.backward()  # type: ignore[no-untyped-call]  # torch
    assert score.grad is not None
    assert not score.grad.any()


def test_the_weight_of_a_map_multiplies_its_mask_loss() -> None:
    rng = torch.Generator().manual_seed(5)
    score = torch.randn(2, 2, 5, 7, generator=rng)
    target = torch.randint(0, 2, (2, 5, 7), generator=rng).to(torch.uint8)
    first, second = (float(mask_loss(score[i : i + 1], target[i : i + 1])) for i in range(2))

    weighted = mask_loss(score, target, torch.tensor([1.0, 0.25]))

    assert float(weighted) == pytest.approx((first + 0.25 * second) / 2, rel=1e-6)


@pytest.mark.parametrize("parts", [[2, 2], [1, 1, 1, 1]])
def test_the_mean_over_equal_parts_of_a_batch_is_the_loss_of_the_batch(parts: list[int]) -> None:
    rng = torch.Generator().manual_seed(6)
    mask = torch.cat([_masks(), _masks().flip(1)])
    tags = torch.tensor([[1.0, 0, 0], [0, torch.nan, 1], [torch.nan] * 3, [1, 1, 0]])
    score = torch.randn(4, 3, generator=rng)
    positions = torch.randn(4, 3, 3, 2, generator=rng)
    pixels = torch.randn(4, 2, 15, 20, generator=rng)
    target = torch.where(mask == 255, mask, mask.clamp(max=1))
    weight = torch.rand(4, generator=rng)

    def losses(part: slice) -> torch.Tensor:
        return torch.stack(
            [
                tag_loss(score[part], tags[part], torch.tensor([1.0, 2.0, 3.0])),
                position_loss(positions[part], mask[part], (5, 4)),
                mask_loss(pixels[part], target[part], weight[part]),
            ]
        )

    ends = [sum(parts[: number + 1]) for number in range(len(parts))]
    each = [losses(slice(end - size, end)) for size, end in zip(parts, ends, strict=True)]

    torch.testing.assert_close(torch.stack(each).mean(dim=0), losses(slice(0, 4)))
