import threading
from collections.abc import Iterator

import pytest

from decouplednet.inference.batches import IMAGES_AT_ONCE, ahead, batched, behind


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [2]), (3, [3]), (7, [3, 3, 1])])
def test_items_come_in_order_and_none_is_lost(count: int, sizes: list[int]) -> None:
    batches = list(batched(range(count), size=3))

    assert [len(batch) for batch in batches] == sizes
    assert [item for batch in batches for item in batch] == list(range(count))


def test_the_usual_size_is_the_documented_one() -> None:
    assert len(next(batched(range(100)))) == IMAGES_AT_ONCE


def test_items_are_taken_no_earlier_than_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(9):
            taken.append(item)
            yield item

    next(batched(items(), size=2))

    assert taken == [0, 1]


def test_heavy_items_end_a_batch_early() -> None:
    batches = list(batched([2, 9, 1, 1, 1, 3, 3, 3], size=3, weigh=lambda item: item, most=9))

    assert batches == [[2, 9], [1, 1, 1], [3, 3, 3]]


@pytest.mark.parametrize("count", [1, 3])
def test_items_are_made_ahead_by_one_other_thread_and_come_in_order(count: int) -> None:
    made, threads = list[int](), set[int]()
    third = threading.Event()

    def items() -> Iterator[int]:
        for item in range(7):
            threads.add(threading.get_ident())
            made.append(item)
            if item == count:
                third.set()
            yield item

    stream = ahead(items(), count)
    first = next(stream)

    assert third.wait(timeout=20)  # made while the first is worked on
    assert [first, *stream] == list(range(7))
    assert threads.isdisjoint({threading.get_ident()})
    assert len(threads) == 1
    assert made == list(range(7))


def test_no_more_is_made_than_may_be_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(9):
            made.append(item)
            yield item

    stream = ahead(items())
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator

    assert len(made) <= 2


def test_a_fault_comes_where_its_item_would_have() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the third disk is full")

    stream = ahead(items())

    assert next(stream) == 1
    with pytest.raises(OSError, match="the third disk is full"):
        next(stream)


def test_nothing_is_made_of_nothing() -> None:
    assert list(ahead([])) == []


def test_work_is_done_in_order_in_one_other_thread() -> None:
    done: list[tuple[int, int]] = []

    behind(range(30), lambda item: done.append((item, threading.get_ident())), weigh=lambda _: 1)

    assert [item for item, _ in done] == [*range(30)]
    assert len({thread for _, thread in done}) == 1
    assert threading.get_ident() not in {thread for _, thread in done}


@pytest.mark.parametrize(("count", "most", "waiting"), [(2, 100, 2), (9, 3, 3)])
def test_few_items_wait_for_their_work(count: int, most: int, waiting: int) -> None:
    made, done, ahead_of = [0], [0], list[int]()

    def items() -> Iterator[int]:
        for item in range(20):
            ahead_of.append(made[0] - done[0])
            made[0] += 1
            yield item

    def work(_: int) -> None:
        done[0] += 1

    behind(items(), work, weigh=lambda _: 1, count=count, most=most)

    assert done == [20]
    assert max(ahead_of) <= waiting + 1


def test_what_the_work_raises_is_raised_and_what_waited_is_done() -> None:
    done = []

    def work(item: int) -> None:
        if item == 2:
            raise ValueError("no third")
        done.append(item)

    with pytest.raises(ValueError, match="no third"):
        behind(range(4), work, weigh=lambda _: 1)

    assert done == [0, 1, 3]
