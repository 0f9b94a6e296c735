from collections.abc import Callable

import pytest
import torch

from decouplednet.benchmark.timing import Timing, in_turns, ratios, total, waiting


class Watch:
    """A clock that pieces of work move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def takes(self, name: str, *seconds: float) -> Callable[[], None]:
        left = iter(seconds)

        def work() -> None:
            self.done.append(name)
            self.now += next(left)

        return work


def test_work_is_done_in_turns_and_the_first_turn_is_not_timed() -> None:
    watch = Watch()
    work = {"a": watch.takes("a", 9, 1, 4, 2), "b": watch.takes("b", 9, 5, 5, 8)}

    timed = in_turns(work, 3, clock=lambda: watch.now)

    assert watch.done == ["a", "b"] * 4
    assert timed == {"a": Timing((1, 4, 2)), "b": Timing((5, 5, 8))}
    assert (timed["a"].median, timed["a"].spread) == (2, 1.5)


def test_what_a_device_still_does_when_it_was_given_work_is_timed() -> None:
    watch = Watch()
    left = iter((100, 3, 4))

    def wait() -> None:
        watch.done.append("wait")
        watch.now += next(left)

    work = {"a": watch.takes("a", 1, 1, 2)}

    timed = in_turns(work, 2, wait=wait, clock=lambda: watch.now)

    assert watch.done == ["a", "wait"] * 3
    assert timed == {"a": Timing((4, 6))}


def test_a_gpu_is_waited_for_and_a_cpu_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)

    waiting(torch.device("cpu"))()
    assert waited == []

    waiting(torch.device("cuda", 1))()
    assert waited == [torch.device("cuda", 1)]


def test_ratios_and_sums_are_of_the_same_turn() -> None:
    slow, fast = Timing((8.0, 2.0, 9.0)), Timing((2.0, 1.0, 3.0))

    assert ratios(slow, fast).seconds == (4.0, 2.0, 3.0)
    assert total([slow, fast]).seconds == (10.0, 3.0, 12.0)


def test_pieces_of_work_timed_unequally_often_are_not_compared() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratios(Timing((1.0, 2.0)), Timing((1.0,)))


def test_no_time_at_all_has_no_spread() -> None:
    assert Timing((0.0, 0.0)).spread == 0.0
