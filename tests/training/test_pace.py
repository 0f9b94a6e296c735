"""How far a stage is, by its updates and by a clock that the test moves."""

import pytest

from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.optimizers import learning_rate_factor
from decouplednet.training.pace import Pace, pace_of, scheduled_updates
from tests.training.clock import FakeClock


def _settings(**changes: object) -> SegmenterSettings:
    return SegmenterSettings.model_validate({"updates": 100, "warmup_updates": 0, **changes})


def _factors(settings: SegmenterSettings, *seconds: float) -> list[float]:
    """Return the factor of the step size after so many seconds."""
    clock = FakeClock()
    pace, begun, factors = pace_of(settings, clock), clock.now, []
    for number, second in enumerate(seconds):
        clock.now = begun + second
        pace.look()
        factors.append(learning_rate_factor(pace.position(number), settings))
    return factors


def test_without_minutes_the_updates_decide_whatever_the_clock_says() -> None:
    clock = FakeClock()
    pace = pace_of(_settings(), clock)
    clock.now += 10_000
    pace.look()
    assert [pace.position(update) for update in (0, 1, 99)] == [0, 1, 99]
    assert [pace.ended(update) for update in (0, 99, 100, 101)] == [False, False, True, True]


def test_by_the_clock_a_share_of_the_time_is_that_share_of_the_schedule() -> None:
    clock = FakeClock()
    pace = pace_of(_settings(minutes=2), clock)
    for seconds, position in ((0, 0), (30, 25), (90, 75), (120, 100), (130, 100)):
        clock.now = 100 + seconds
        pace.look()
        for update in (3, 700):  # however many were made
            assert pace.position(update) == pytest.approx(position)
            assert pace.ended(update) == (seconds >= 120)


def test_between_two_looks_a_stage_stays_where_it_is() -> None:
    clock = FakeClock()
    pace = pace_of(_settings(minutes=1), clock)
    clock.now += 30
    assert pace.position(1) == 0
    pace.look()
    clock.now += 30
    assert pace.position(2) == 50
    assert not pace.ended(2)
    assert pace.taken() == 60


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        ({"schedule": "linear"}, [1, 0.75, 0.5, 0]),
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "steps", "decay_every": 40}, [1, 1, 0.1, 0.01]),
        # A tenth of 100 updates, a tenth of the time: (0 + 1) / 11 at its start.
        ({"schedule": "constant", "warmup_updates": 90}, [1 / 11, 1, 1, 1]),
    ],
)
def test_schedules_have_the_shape_of_their_updates_by_the_clock(
    changes: dict[str, object], factors: list[float]
) -> None:
    by_clock = _factors(_settings(minutes=1, **changes), 0, 15, 30, 60)
    assert by_clock == pytest.approx(factors)
    settings = _settings(**changes)
    by_updates = [learning_rate_factor(update, settings) for update in (0, 25, 50, 100)]
    assert by_clock == pytest.approx(by_updates)


def test_warm_up_rises_with_the_time() -> None:
    settings = _settings(minutes=1, schedule="constant", warmup_updates=9)
    # 0.6 seconds are one update of the schedule.
    assert _factors(settings, 0, 0.6, 3, 5.4, 6) == pytest.approx([0.1, 0.2, 0.6, 1, 1])


def test_what_earlier_attempts_took_counts() -> None:
    clock = FakeClock()
    pace = pace_of(_settings(minutes=1), clock)
    clock.now += 5  # until the checkpoint is read
    pace.continue_from(45)
    assert pace.taken() == 45
    assert pace.position(12) == pytest.approx(75)
    clock.now += 15
    pace.look()
    assert pace.ended(13)


def test_a_checkpoint_of_the_same_attempt_gives_no_time_back() -> None:
    clock = FakeClock()
    pace = pace_of(_settings(minutes=1), clock)
    clock.now += 40
    pace.continue_from(25)  # memory ran out 15 seconds after this checkpoint
    assert pace.taken() == 40
    assert pace.position(3) == pytest.approx(100 * 40 / 60)


def test_all_devices_are_where_the_first_one_s_clock_says() -> None:
    settings = _settings(minutes=1)
    clocks = [FakeClock(), FakeClock(7000.0), FakeClock(3.0)]
    paces = [pace_of(settings, clock) for clock in clocks]
    told: list[float] = []

    def broadcast(share: float) -> float:
        """Return what the first device said, as the strategy of several devices does."""
        told.append(share)
        return told[0]

    for passed in (20.0, 70.0):
        told.clear()
        for clock, pace, speed in zip(clocks, paces, (1, 2, 0.1), strict=True):
            clock.now += passed * speed
            pace.look(broadcast)
        assert len(told) == 3
        assert len({pace.position(4) for pace in paces}) == 1
        assert len({pace.ended(4) for pace in paces}) == 1
    assert paces[2].ended(4)


def test_devices_need_not_agree_where_the_updates_decide() -> None:
    def broadcast(share: float) -> float:
        raise AssertionError

    Pace(5, None, FakeClock()).look(broadcast)


def test_updates_that_were_not_chosen_are_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="the updates of a stage are chosen before it is trained"):
        scheduled_updates(SegmenterSettings())
