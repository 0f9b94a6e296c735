import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.networks import saliency
from decouplednet.networks.classification import ClassificationHead, HeadTrace, HeadWeights
from decouplednet.networks.pooling import (
    MAX_POOLING,
    LogSumExpPooling,
    Pooling,
    TopKPooling,
)
from decouplednet.networks.saliency import (
    class_saliency,
    project_scores,
    saliency_by_autograd,
    tag_weights,
)
from tests.networks.small import CLASSES, small_head

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}

SEED = torch.tensor(
    [
        [0.9, 0.0, 0.0, 0.0, 0.0],
        [0.5, 0.0, 0.7, 0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.6, 0.0, 0.0, 0.0],
    ]
)
IMAGE_INDEX = torch.tensor([2, 2, 0, 1])
KERNELS = [(1, 1), (3, 1), (7, 1), (2, 3), (3, 2)]
SPREAD = (LogSumExpPooling(sharpness=1.5), TopKPooling(top_share=0.1))


def head_and_pool5(
    kernel: int = 2,
    dtype: torch.dtype = torch.float64,
    pooling: Pooling = MAX_POOLING,
    dilation: int = 1,
) -> tuple[ClassificationHead, Tensor]:
    torch.manual_seed(6)
    head = small_head(kernel=kernel, pooling=pooling, dilation=dilation).eval().to(dtype)
    return head, torch.randn(3, 7, 8, 11, dtype=dtype)


def test_given_tags_weigh_at_least_one_half_and_the_rest_nothing() -> None:
    probability = torch.tensor([[0.1, 0.5, 0.9], [0.2, 0.7, 1.0]])
    asked = torch.tensor([[True, True, True], [False, True, False]])

    weights = tag_weights(probability, asked)

    assert torch.equal(weights, torch.tensor([[0.5, 0.5, 0.9], [0.0, 0.7, 0.0]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kernel", "dilation"), KERNELS)
def test_the_closed_form_equals_autograd(kernel: int, dilation: int, dtype: torch.dtype) -> None:
    head, pool5 = head_and_pool5(kernel, dtype, dilation=dilation)
    seed = SEED.to(dtype)

    got = class_saliency(seed, IMAGE_INDEX, head.trace(pool5)[1], head.weights())

    expected = saliency_by_autograd(seed, IMAGE_INDEX, pool5, head)
    assert got.shape == (4, 7, 8, 11)
    assert float(expected.abs().max()) > 0.1
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("pooling", SPREAD, ids=str)
@pytest.mark.parametrize(("kernel", "dilation"), KERNELS)
def test_the_transposed_form_of_other_poolings_equals_autograd(
    kernel: int, dilation: int, pooling: Pooling
) -> None:
    head, pool5 = head_and_pool5(kernel, pooling=pooling, dilation=dilation)

    got = class_saliency(SEED.double(), IMAGE_INDEX, head.trace(pool5)[1], head.weights())

    expected = saliency_by_autograd(SEED.double(), IMAGE_INDEX, pool5, head)
    assert got.shape == (4, 7, 8, 11)
    assert float(expected.abs().max()) > 0.1
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)
    assert got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("pooling", SPREAD, ids=str)
def test_other_poolings_spread_f_cls_and_few_positions_concentrate_it(pooling: Pooling) -> None:
    head, pool5 = head_and_pool5(pooling=pooling)
    one = torch.eye(CLASSES, dtype=torch.float64)[:1]

    got = class_saliency(one, torch.tensor([0]), head.trace(pool5)[1], head.weights())

    reached = int((got[0] != 0).any(dim=0).sum())
    assert reached > 4  # the window of the maximum has 2 x 2 positions


@pytest.mark.parametrize("pooling", SPREAD, ids=str)
def test_autocast_and_another_dtype_change_nothing_of_other_poolings(pooling: Pooling) -> None:
    head, pool5 = head_and_pool5(dtype=torch.float32, pooling=pooling)
    trace = head.trace(pool5)[1]
    seed = SEED.bfloat16()
    expected = class_saliency(seed.float(), IMAGE_INDEX, trace, head.weights())

    with torch.autocast("cpu", torch.bfloat16):
        got = class_saliency(seed, IMAGE_INDEX, trace, head.weights())

    assert got.dtype == torch.float32
    assert torch.equal(got, expected)


def test_a_linear_head_after_the_mean_over_positions_says_nothing_of_where() -> None:
    torch.manual_seed(6)
    pool5 = torch.randn(3, 7, 8, 11, dtype=torch.float64)
    linear = torch.nn.Linear(7, CLASSES).double()
    seed = SEED.double()

    flat = saliency_by_autograd(seed, IMAGE_INDEX, pool5, lambda x: linear(x.mean(dim=(2, 3))))
    local = saliency_by_autograd(seed, IMAGE_INDEX, pool5, head_and_pool5()[0])

    torch.testing.assert_close(flat, flat[..., :1, :1].expand_as(flat))
    # What is more, it is the same for every image.
    torch.testing.assert_close(flat[0, :, 0, 0], 0.9 * linear.weight[0] / (8 * 11))
    assert float(local[0].std(dim=(1, 2)).max()) > 0.01


def test_autograd_equals_a_difference_quotient() -> None:
    head, pool5 = head_and_pool5()
    direction = torch.randn(4, 7, 8, 11, dtype=torch.float64)
    step = 1e-7 * direction
    seed = SEED.double()

    gradient = saliency_by_autograd(seed, IMAGE_INDEX, pool5, head)

    moved = pool5[IMAGE_INDEX]
    with torch.no_grad():
        change = (seed * (head(moved + step) - head(moved - step))).sum(dim=1) / 2e-7
    torch.testing.assert_close((gradient * direction).sum(dim=(1, 2, 3)), change, rtol=1e-5, atol=0)


def test_autograd_works_inside_no_grad_and_leaves_the_head_without_gradient() -> None:
    head, pool5 = head_and_pool5()

    with torch.no_grad():
        gradient = saliency_by_autograd(SEED.double(), IMAGE_INDEX, pool5, head)

    assert gradient.any()
    assert all(p.grad is None for p in head.parameters())


def test_the_transposed_layers_equal_the_gradient_of_the_pooled_scores() -> None:
    rng = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    weights = HeadWeights(draw(6, 5, 7, 7), draw(6, 6, 1, 1), draw(3, 6, 1, 1))
    pool5 = draw(2, 5, 10, 12).requires_grad_()
    seed = torch.tensor([[0.9, 0.0, 0.0], [0.0, 0.4, 0.7]], dtype=torch.float64)
    fc6 = F.relu(F.conv2d(pool5, weights.fc6))
    fc7 = F.relu(F.conv2d(fc6, weights.fc7))
    score_map = F.conv2d(fc7, weights.score)
    pooled, peak = score_map.flatten(2).max(dim=2)
    (expected,) = torch.autograd.grad((seed * pooled).sum(), pool5)
    trace = HeadTrace(fc6 > 0, fc7 > 0, peak, score_map)

    torch.testing.assert_close(project_scores(seed, trace, weights), expected)
    torch.testing.assert_close(class_saliency(seed, torch.arange(2), trace, weights), expected)


@pytest.mark.parametrize("pooling", SPREAD, ids=str)
def test_projected_shares_equal_the_gradient_of_the_pooled_scores(pooling: Pooling) -> None:
    head, pool5 = head_and_pool5(kernel=3, pooling=pooling)
    seed = SEED[:3].double()

    got = project_scores(seed, head.trace(pool5)[1], head.weights())

    torch.testing.assert_close(got, saliency_by_autograd(seed, torch.arange(3), pool5, head))


def test_labels_that_share_one_peak_are_summed() -> None:
    head, pool5 = head_and_pool5()
    head.score.weight.data[3] = 2 * head.score.weight.data[1]
    seed = torch.zeros(1, CLASSES, dtype=torch.float64)
    seed[0, [1, 3]] = torch.tensor([0.6, 0.8], dtype=torch.float64)
    image_index = torch.tensor([1])
    trace = head.trace(pool5)[1]
    assert trace.peak[1, 1] == trace.peak[1, 3]

    got = class_saliency(seed, image_index, trace, head.weights())

    torch.testing.assert_close(got, saliency_by_autograd(seed, image_index, pool5, head))


def test_of_tied_positions_the_first_carries_the_gradient() -> None:
    head, pool5 = head_and_pool5()
    for parameter in head.parameters():
        # Whole numbers add up alike at every position, whatever the order of the sum.
        parameter.data.mul_(8).round_()
    constant = torch.ones_like(pool5)
    trace = head.trace(constant)[1]
    assert not trace.peak.any()

    got = class_saliency(SEED.double(), IMAGE_INDEX, trace, head.weights())

    expected = saliency_by_autograd(SEED.double(), IMAGE_INDEX, constant, head)
    torch.testing.assert_close(got, expected)
    assert got[0, :, :2, :2].any()
    assert not got[:, :, 2:].any()


def test_each_pair_of_image_and_class_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    head, pool5 = head_and_pool5()
    pairs: list[list[tuple[int, int]]] = []
    compute = saliency._peak_windows

    def counted(image: Tensor, label: Tensor, trace: HeadTrace, weights: HeadWeights) -> Tensor:
        pairs.append(list(zip(image.tolist(), label.tolist(), strict=True)))
        return compute(image, label, trace, weights)

    monkeypatch.setattr(saliency, "_peak_windows", counted)
    class_saliency(SEED.double(), IMAGE_INDEX, head.trace(pool5)[1], head.weights())

    assert pairs == [[(1, 1), (2, 0), (2, 2), (2, 4)]]


@pytest.mark.parametrize("pooling", [MAX_POOLING, *SPREAD], ids=str)
@pytest.mark.parametrize("maps", [0, 4])
def test_nothing_asked_for_gives_zero_maps(maps: int, pooling: Pooling) -> None:
    head, pool5 = head_and_pool5(pooling=pooling)
    seed = torch.zeros(maps, CLASSES, dtype=torch.float64)

    got = class_saliency(seed, IMAGE_INDEX[:maps], head.trace(pool5)[1], head.weights())

    assert torch.equal(got, torch.zeros(maps, 7, 8, 11, dtype=torch.float64))


def test_autocast_changes_nothing() -> None:
    head, pool5 = head_and_pool5(dtype=torch.float32)
    trace = head.trace(pool5)[1]
    expected = class_saliency(SEED, IMAGE_INDEX, trace, head.weights())

    with torch.autocast("cpu", torch.bfloat16):
        got = class_saliency(SEED, IMAGE_INDEX, trace, head.weights())

    assert got.dtype == torch.float32
    assert torch.equal(got, expected)


def test_a_seed_of_another_dtype_is_converted_to_that_of_the_weights() -> None:
    head, pool5 = head_and_pool5(dtype=torch.float32)
    trace = head.trace(pool5)[1]

    got = class_saliency(SEED.bfloat16(), IMAGE_INDEX, trace, head.weights())

    assert got.dtype == torch.float32
    expected = class_saliency(SEED.bfloat16().float(), IMAGE_INDEX, trace, head.weights())
    assert torch.equal(got, expected)


def test_the_map_is_in_channels_last_memory() -> None:
    head, pool5 = head_and_pool5()

    got = class_saliency(SEED.double(), IMAGE_INDEX, head.trace(pool5)[1], head.weights())

    assert got.is_contiguous(memory_format=torch.channels_last)
