from collections.abc import Iterator

import pytest

from decouplednet.inference.batches import IMAGES_AT_ONCE, batched


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
