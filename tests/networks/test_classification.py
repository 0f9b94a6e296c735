import pytest
import torch

from decouplednet.networks import taps
from decouplednet.networks.classification import (
    ClassificationHead,
    Classifier,
)
from decouplednet.networks.initialisation import Initialise, gaussian, he
from decouplednet.networks.pooling import LogSumExpPooling, Pooling, TopKPooling
from decouplednet.networks.vgg import VGG
from tests.networks.small import CLASSES, WIDTHS, images, small_head


def pool5(count: int = 3, channels: int = 7, height: int = 4, width: int = 6) -> torch.Tensor:
    rng = torch.Generator().manual_seed(5)
    return torch.randn(count, channels, height, width, generator=rng)


@pytest.mark.parametrize("dilation", [1, 2])
def test_scores_gates_and_peaks_equal_a_reading_position_by_position(dilation: int) -> None:
    torch.manual_seed(0)
    head, x = small_head(dilation=dilation).eval(), pool5()

    score, trace = head.trace(x)

    weights = head.weights()
    for image in range(3):
        scores = torch.empty(CLASSES, 4 - dilation, 6 - dilation)
        for row in range(4 - dilation):
            for column in range(6 - dilation):
                rows, columns = slice(row, row + 3, dilation), slice(column, column + 3, dilation)
                window = x[image, :, rows, columns][:, :2, :2]
                fc6 = torch.einsum("mchw,chw->m", weights.fc6, window).clamp(min=0)
                fc7 = (weights.fc7[:, :, 0, 0] @ fc6).clamp(min=0)
                scores[:, row, column] = weights.score[:, :, 0, 0] @ fc7
                assert torch.equal(trace.fc6_open[image, :, row, column], fc6 > 0)
                assert torch.equal(trace.fc7_open[image, :, row, column], fc7 > 0)
        torch.testing.assert_close(trace.score_map[image], scores)
        best, peak = scores.flatten(1).max(dim=1)
        torch.testing.assert_close(score[image], best)
        assert torch.equal(trace.peak[image], peak)


@pytest.mark.parametrize("pooling", [LogSumExpPooling(sharpness=2.0), TopKPooling(top_share=0.15)])
def test_the_score_is_pooled_as_it_is_told_and_its_shares_are_kept(pooling: Pooling) -> None:
    torch.manual_seed(0)
    head, x = small_head(pooling=pooling).eval(), pool5()

    score, trace = head.trace(x)

    assert torch.equal(score, pooling.pool(trace.score_map))
    assert torch.equal(head(x), score)
    share = pooling.share(trace.score_map)
    assert share is not None
    assert trace.share is not None
    assert torch.equal(trace.share, share)
    torch.manual_seed(0)
    assert small_head().eval().trace(x)[1].share is None


@pytest.mark.parametrize(("kernel", "dilation", "reach"), [(1, 1, 1), (3, 1, 3), (2, 3, 4)])
def test_the_head_has_one_position_where_pool5_is_its_reach(
    kernel: int, dilation: int, reach: int
) -> None:
    head = small_head(kernel=kernel, dilation=dilation).eval()

    assert head.reach == reach
    assert head.trace(pool5(height=reach, width=reach))[1].score_map.shape == (3, CLASSES, 1, 1)


def test_biases_count() -> None:
    head, x = small_head().eval(), pool5()
    before = head(x)

    for layer in (head.fc6, head.fc7, head.score):
        assert layer.bias is not None
        layer.bias.data.fill_(0.5)
        after = head(x)
        assert not torch.equal(before, after)
        before = after


def test_forward_returns_the_scores_of_trace() -> None:
    head, x = small_head().eval(), pool5()

    assert torch.equal(head(x), head.trace(x)[0])


def test_dropout_acts_in_training_mode_only() -> None:
    head, x = small_head(dropout=0.5), pool5()

    head.train()
    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))
    assert torch.equal(head.trace(x)[1].peak, head.trace(x)[1].peak)


def test_a_dropout_of_zero_drops_nothing() -> None:
    head, x = small_head(dropout=0.0).train(), pool5()

    assert torch.equal(head(x), head(x))


def test_weights_carry_no_gradient_and_share_the_head_s_memory() -> None:
    head = small_head()

    weights = head.weights()

    for tensor, layer in zip(
        (weights.fc6, weights.fc7, weights.score), (head.fc6, head.fc7, head.score), strict=True
    ):
        assert not tensor.requires_grad
        assert tensor.data_ptr() == layer.weight.data_ptr()


def test_gradient_reaches_every_layer_of_the_head() -> None:
    head = small_head(dropout=0.0)

    head(pool5()).sum().backward()

    assert all(p.grad is not None and p.grad.any() for p in head.parameters())


def test_the_score_layer_starts_small_whatever_the_others_do() -> None:
    def deviations(head: ClassificationHead) -> list[float]:
        return [float(layer.weight.detach().std()) for layer in (head.fc6, head.fc7, head.score)]

    def head(initialise: Initialise) -> ClassificationHead:
        return ClassificationHead(
            channels=30,
            middle=50,
            kernel=2,
            class_count=40,
            dropout=0.0,
            initialise=initialise,
        )

    assert deviations(head(gaussian)) == pytest.approx([0.01, 0.01, 0.01], rel=0.1)
    assert deviations(head(he)) == pytest.approx([(2 / 120) ** 0.5, 0.2, 0.01], rel=0.1)


def test_autocast_leaves_the_head_in_full_precision() -> None:
    head, x = small_head().eval(), pool5()
    expected, expected_trace = head.trace(x)

    with torch.autocast("cpu", torch.bfloat16):
        score, trace = head.trace(x)

    assert score.dtype == torch.float32
    assert torch.equal(score, expected)
    assert torch.equal(trace.peak, expected_trace.peak)


def test_autocast_acts_while_a_small_head_learns_its_scores() -> None:
    head, x = small_head(dropout=0.0).train(), pool5()
    expected = head(x)

    with torch.autocast("cpu", torch.bfloat16):
        score = head(x)

    assert score.dtype == torch.float32
    assert not torch.equal(score, expected)
    torch.testing.assert_close(score, expected, rtol=0.05, atol=0.05)


def test_autocast_leaves_a_large_head_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    head, x = small_head(dropout=0.0).train(), pool5()
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", 1)
    expected = head(x)

    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head(x), expected)


def test_the_classifier_scores_images_of_any_multiple_of_32() -> None:
    classifier = Classifier(VGG(WIDTHS), small_head()).eval()

    score = classifier(images(2, height=64, width=96))
    traced = classifier.trace(images(2, height=64, width=96))

    assert score.shape == (2, CLASSES)
    assert torch.equal(score, traced.score)
    assert traced.encoded.pool5.shape == (2, 7, 2, 3)
    assert traced.head.fc6_open.shape == (2, 8, 1, 2)
    assert torch.equal(classifier.head(traced.encoded.pool5), score)
