import pytest

from decouplednet.benchmark.breakdown import Breakdown, Stage
from decouplednet.benchmark.timing import Timing


def of_turns(*seconds: float, operations: float) -> Stage:
    return Stage(Timing(seconds), operations)


def test_a_share_is_that_of_the_same_turn_and_the_figure_their_median() -> None:
    # The second turn is slowed threefold, the third twofold.
    found = Breakdown(
        {1: {"encoder": of_turns(4, 12, 8, operations=20)}},
        {1: {"3x3": of_turns(1, 3, 2, operations=10)}},
    )

    assert found.share(1, "encoder").seconds == pytest.approx((0.5, 0.5, 0.5))
    assert found.share(1, "encoder").spread == pytest.approx(0)


def test_stages_together_reach_a_share_of_their_own() -> None:
    found = Breakdown(
        {3: {"encoder": of_turns(1, 1, operations=9), "decoder": of_turns(3, 5, operations=3)}},
        {3: {"3x3": of_turns(1, 1, operations=10)}},
    )

    assert found.share(3, "encoder", "decoder").seconds == pytest.approx((0.3, 0.2))


def test_the_ceiling_is_the_convolution_whose_median_over_all_turns_is_fastest() -> None:
    # "lucky" has the fastest turn of all, "steady" the better median of the turns of both K.
    stages = {k: {"encoder": of_turns(1, 1, operations=4)} for k in (1, 2)}
    found = Breakdown(
        stages,
        {
            1: {"lucky": of_turns(0.5, 4, operations=8), "steady": of_turns(2, 1, operations=8)},
            2: {"lucky": of_turns(4, 4, operations=8), "steady": of_turns(1, 1, operations=8)},
        },
    )

    assert found.ceiling == 8
    assert found.share(1, "encoder").seconds == pytest.approx((1.0, 0.5))


def test_convolutions_of_other_sizes_are_compared_by_their_speed() -> None:
    found = Breakdown(
        {1: {"encoder": of_turns(1, operations=10)}},
        {1: {"small": of_turns(1, operations=10), "large": of_turns(2, operations=40)}},
    )

    assert found.ceiling == 20
    assert found.share(1, "encoder").seconds == (0.5,)
