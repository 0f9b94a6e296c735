import asyncio

import pytest

from decouplednet.serve.turns import Busy, Turns


def test_turns_are_taken_one_after_the_other_in_their_order() -> None:
    taken: list[str] = []

    async def take(turns: Turns, name: str) -> None:
        async with turns.turn():
            taken.append(f"{name} begins")
            await asyncio.sleep(0)
            taken.append(f"{name} ends")

    async def all_three() -> None:
        turns = Turns(most_waiting=2)
        await asyncio.gather(*(take(turns, name) for name in "abc"))

    asyncio.run(all_three())

    assert taken == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


def test_only_so_many_wait() -> None:
    async def crowd() -> list[object]:
        turns = Turns(most_waiting=1)

        async def take() -> str:
            async with turns.turn():
                await asyncio.sleep(0.01)
                return "done"

        first = await asyncio.gather(take(), take(), take(), return_exceptions=True)
        return [*first, await take()]

    done = asyncio.run(crowd())

    assert done[0] == done[1] == done[3] == "done"
    assert isinstance(done[2], Busy)


def test_a_turn_ends_with_a_fault_too() -> None:
    async def faulty() -> str:
        turns = Turns(most_waiting=0)
        with pytest.raises(RuntimeError, match=r"^broken$"):
            async with turns.turn():
                raise RuntimeError("broken")
        async with turns.turn():
            return "done"

    assert asyncio.run(faulty()) == "done"
