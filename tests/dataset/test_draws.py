import numpy as np
import pytest

from decouplednet.dataset.draws import Draws, DrawSampler, view_generator


def test_each_pass_takes_every_record_once() -> None:
    draws = Draws(count=7, seed=3)

    for number in range(4):
        places = [draws.locate(draw) for draw in range(7 * number, 7 * (number + 1))]
        assert {place[0] for place in places} == {number}
        assert sorted(place[1] for place in places) == list(range(7))


def test_passes_and_seeds_have_orders_of_their_own() -> None:
    def order(seed: int, number: int) -> tuple[int, ...]:
        draws = Draws(count=11, seed=seed)
        return tuple(draws.locate(11 * number + place)[1] for place in range(11))

    assert len({order(seed, number) for seed in range(3) for number in range(3)}) == 9


def test_a_draw_does_not_depend_on_the_draws_before_it() -> None:
    in_turn = [Draws(count=5, seed=1).locate(draw) for draw in range(200)]
    backwards = [Draws(count=5, seed=1).locate(draw) for draw in reversed(range(200))]

    assert in_turn == backwards[::-1]


def test_random_numbers_belong_to_seed_and_draw() -> None:
    def number(seed: int, draw: int) -> float:
        return float(Draws(count=5, seed=seed).generator(draw).random())

    assert number(1, 8) == number(1, 8)
    assert len({number(seed, draw) for seed in range(3) for draw in range(3)}) == 9


def test_a_negative_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="draws are counted from 0; this one is -1"):
        Draws(count=5, seed=0).locate(-1)


def test_random_numbers_of_a_view_belong_to_seed_name_and_view() -> None:
    def number(seed: int, name: str, view: int) -> float:
        return float(view_generator(seed, name, view).random())

    assert number(1, "a/b", 2) == number(1, "a/b", 2)
    assert len({number(s, n, v) for s in (0, 1) for n in ("a", "b", "ab") for v in (1, 2)}) == 12


def test_order_draws_and_views_do_not_repeat_each_other() -> None:
    of_draw = Draws(count=9, seed=0).generator(0).permutation(9)
    of_order = [Draws(count=9, seed=0).locate(draw)[1] for draw in range(9)]

    assert not np.array_equal(of_draw, of_order)


def test_epochs_follow_each_other_without_gap() -> None:
    sampler = DrawSampler(6)
    seen = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        seen += list(sampler)

    assert seen == list(range(18))
    assert len(sampler) == 6


def test_ranks_share_an_epoch() -> None:
    samplers = [DrawSampler(6, rank=rank, world=3) for rank in range(3)]
    for sampler in samplers:
        sampler.set_epoch(2)

    assert [list(sampler) for sampler in samplers] == [[12, 15], [13, 16], [14, 17]]
    assert {len(sampler) for sampler in samplers} == {2}


@pytest.mark.parametrize(("count", "world"), [(7, 2), (0, 1)])
def test_an_epoch_that_cannot_be_shared_is_refused(count: int, world: int) -> None:
    message = f"{count} draws an epoch cannot be shared evenly by {world} processes"
    with pytest.raises(ValueError, match=message):
        DrawSampler(count, world=world)


@pytest.mark.parametrize("rank", [-1, 2])
def test_a_rank_beyond_the_world_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match=f"ranks run from 0 to 1; this one is {rank}"):
        DrawSampler(6, rank=rank, world=2)
