import math

import numpy as np

from decouplednet.report.channel import LEAST_SPREAD, representative_channel, separation


def test_separation_equals_a_reading_channel_by_channel() -> None:
    rng = np.random.default_rng(3)
    response = rng.normal(size=(7, 5))
    belongs = np.array([True, False, True, False, False, True, False])

    got = separation(response, belongs)

    spreads = []
    differences = []
    for channel in range(5):
        inside = [response[n, channel] for n in range(7) if belongs[n]]
        outside = [response[n, channel] for n in range(7) if not belongs[n]]
        means = sum(inside) / len(inside), sum(outside) / len(outside)
        variances = [
            sum((value - mean) ** 2 for value in values) / len(values)
            for values, mean in zip((inside, outside), means, strict=True)
        ]
        differences.append(means[0] - means[1])
        spreads.append(math.sqrt(sum(variances) / 2))
    expected = np.array(differences) / np.array(spreads)
    assert min(spreads) > LEAST_SPREAD * max(spreads)  # the floor plays no part here
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_the_channel_that_tells_the_class_apart_is_chosen() -> None:
    response = np.array([[9.0, 2.0, 0.0], [1.0, 2.1, 0.0], [5.0, 0.1, 0.0], [5.0, 0.0, 0.0]])
    belongs = np.array([True, True, False, False])

    assert representative_channel(response, belongs) == 1
    # No channel rises for the other class: two have separation 0, and the first of them is taken.
    assert representative_channel(response, ~belongs) == 0


def test_a_nearly_constant_channel_does_not_win_by_noise() -> None:
    tiny = 1e-9
    response = np.array([[1.0, tiny], [1.3, tiny], [0.0, 0.0], [0.2, 0.0]])
    belongs = np.array([True, True, False, False])

    assert representative_channel(response, belongs) == 0


def test_channels_that_are_the_same_everywhere_have_no_separation() -> None:
    response = np.zeros((4, 3))

    assert separation(response, np.array([True, False, True, False])).tolist() == [0, 0, 0]


def test_a_single_class_is_compared_with_zero() -> None:
    response = np.array([[1.0, 0.1, 0.0], [3.0, 0.1, 0.0]])

    got = separation(response, np.array([True, True]))

    # Means 2, 0.1 and 0; spread of the first channel: root of (1 + 0) / 2.
    first = math.sqrt(0.5)
    np.testing.assert_allclose(got, [2 / first, 0.1 / (LEAST_SPREAD * first), 0.0])
