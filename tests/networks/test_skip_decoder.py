import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.initialisation import Initialise, gaussian, he
from decouplednet.networks.skip_decoder import Level, SkipDecoder
from decouplednet.networks.vgg import Encoded

LEVELS = (Level(5, 8, 2), Level(3, 6, 1))


def decoder(initialise: Initialise = he, levels: tuple[Level, ...] = LEVELS) -> SkipDecoder:
    torch.manual_seed(12)
    return SkipDecoder(
        channels=7, skip_channels=(4, 9), stride=8, initialise=initialise, levels=levels
    )


def inputs(images: int = 2, maps: int = 2) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return g on a grid of 2 x 3 and skips whose sizes are no multiples of it."""
    rng = torch.Generator().manual_seed(13)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng)

    return draw(maps, 7, 2, 3), (draw(images, 4, 9, 13), draw(images, 9, 5, 6))


def bilinear(x: Tensor, height: int, width: int) -> Tensor:
    """Return (C, h, w) resized, read pixel by pixel: centres lie at one half, borders repeat."""
    out = torch.empty(x.shape[0], height, width)
    for row in range(height):
        for column in range(width):
            places = []
            for place, length, size in ((row, height, x.shape[1]), (column, width, x.shape[2])):
                at = max((place + 0.5) * size / length - 0.5, 0.0)
                low = min(int(at), size - 1)
                places.append((low, min(low + 1, size - 1), at - low))
            (top, bottom, down), (left, right, along) = places
            above = x[:, top, left] * (1 - along) + x[:, top, right] * along
            below = x[:, bottom, left] * (1 - along) + x[:, bottom, right] * along
            out[:, row, column] = above * (1 - down) + below * down
    return out


def test_scores_equal_a_plain_reading_of_the_layers() -> None:
    module = decoder().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.bias)
            assert part.running_mean is not None
            nn.init.normal_(part.running_mean)
    state = module.state_dict()
    g, skips = inputs()

    def layer(x: Tensor, name: str) -> Tensor:
        weight = state[f"{name}.0.weight"]
        y = F.conv2d(x, weight, padding=weight.shape[2] // 2)
        mean, shift = (state[f"{name}.1.{key}"][:, None, None] for key in ("running_mean", "bias"))
        return torch.clamp((y - mean) / (1 + 1e-5) ** 0.5 + shift, min=0)

    for image in range(2):
        x = g[image]
        for place, skip in enumerate(reversed(skips)):
            beside = layer(skip[image], f"laterals.{place}")
            x = torch.cat([bilinear(x, *beside.shape[1:]), beside])
            for number in range(LEVELS[place].convolutions):
                x = layer(x, f"levels.{place}.{number}")
        scores = F.conv2d(x, state["score.weight"], state["score.bias"])
        expected = bilinear(scores, 16, 24)
        got = module(g, skips, torch.arange(2))[image]
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_several_maps_of_an_image_share_one_pass_through_its_skips() -> None:
    module = decoder().eval()
    g, skips = inputs(images=3, maps=4)
    image_index = torch.tensor([2, 0, 2, 2])
    counts: list[int] = []
    module.laterals[0].register_forward_hook(lambda _, given, __: counts.append(len(given[0])))

    got = module.decode(g, Encoded(torch.empty(3, 1, 2, 3), (), skips), image_index)

    assert counts == [2]  # image 1 has no map
    for place, image in enumerate(image_index.tolist()):
        alone = tuple(skip[image : image + 1] for skip in skips)
        expected = module(g[place : place + 1], alone, torch.tensor([0]))
        torch.testing.assert_close(got[place : place + 1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("few", [1, 3])
def test_maps_that_are_decoded_in_turn_share_one_pass_through_the_skips_too(few: int) -> None:
    module = decoder().eval()
    g, skips = inputs(images=3, maps=4)
    image_index = torch.tensor([2, 0, 2, 2])
    encoded = Encoded(torch.empty(3, 1, 2, 3), (), skips)
    expected = module.decode(g, encoded, image_index)
    images_seen, maps_seen = list[int](), list[int]()
    module.laterals[0].register_forward_hook(lambda _, one, __: images_seen.append(len(one[0])))
    module.score.register_forward_hook(lambda _, one, __: maps_seen.append(len(one[0])))

    got = torch.cat([*module.decode_in_turn(g, encoded, image_index, few)])

    assert (images_seen, maps_seen) == ([2], {1: [1] * 4, 3: [3, 1]}[few])
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_no_map_gives_no_scores() -> None:
    g, skips = inputs(maps=0)

    assert decoder().eval()(g, skips, torch.empty(0, dtype=torch.int64)).shape == (0, 2, 16, 24)


def test_skips_of_one_size_and_no_skip_at_all_are_decoded_too() -> None:
    g, _ = inputs()
    equal = (torch.randn(2, 4, 2, 3), torch.randn(2, 9, 2, 3))
    bare = SkipDecoder(channels=7, skip_channels=(), stride=14, initialise=he)

    assert decoder()(g, equal, torch.arange(2)).shape == (2, 2, 16, 24)
    assert bare(g, (), torch.arange(2)).shape == (2, 2, 28, 42)


def test_every_weight_gets_a_gradient_also_under_autocast() -> None:
    module = decoder()
    g, skips = inputs()

    with torch.autocast("cpu", torch.bfloat16):
        scores = module(g, skips, torch.arange(2))
    scores.float().square().sum().backward()

    assert scores.dtype == torch.bfloat16
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
    assert all(p.grad is not None and p.grad.any() for p in module.parameters() if p.ndim > 1)


def test_all_layers_work_in_channels_last_memory() -> None:
    module = decoder()
    g, skips = (inputs()[0], inputs()[1])
    layouts: list[bool] = []
    for layer in (*module.laterals, *module.levels, module.score):
        layer.register_forward_hook(
            lambda _, __, out: layouts.append(out.is_contiguous(memory_format=torch.channels_last))
        )

    last = torch.channels_last
    module.to(memory_format=last)  # type: ignore[call-overload]  # absent in stubs
    module(
        g.contiguous(memory_format=last),
        tuple(skip.contiguous(memory_format=last) for skip in skips),
        torch.tensor([1, 0]),
    )

    assert layouts == [True] * 5


def test_the_start_of_the_weights_can_be_chosen() -> None:
    wide = (Level(20, 30, 1), Level(20, 30, 1))
    spread = {
        start: float(decoder(start, wide).state_dict()["levels.1.0.0.weight"].std())
        for start in (he, gaussian)
    }

    assert spread[he] == pytest.approx((2 / (9 * 50)) ** 0.5, rel=0.1)
    assert spread[gaussian] == pytest.approx(0.01, rel=0.1)


def test_more_skips_than_levels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^3 skips, but 2 levels$"):
        SkipDecoder(channels=7, skip_channels=(1, 2, 3), stride=8, initialise=he, levels=LEVELS)


def test_the_grid_of_each_level_can_be_chosen() -> None:
    torch.manual_seed(12)
    module = SkipDecoder(
        channels=7, skip_channels=(4, 9), stride=14, initialise=he, levels=LEVELS, grids=(1, 3)
    ).eval()
    rng = torch.Generator().manual_seed(13)
    g = torch.randn(3, 7, 2, 3, generator=rng)
    skips = torch.randn(2, 4, 2, 3, generator=rng), torch.randn(2, 9, 2, 3, generator=rng)
    sizes: list[tuple[int, ...]] = []
    for level in module.levels:
        level.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape)))
    image_index = torch.tensor([1, 0, 1])

    scores = module(g, skips, image_index)

    assert sizes == [(3, 8, 2, 3), (3, 6, 6, 9)]
    assert scores.shape == (3, 2, 28, 42)
    # The same, with each skip narrowed and enlarged by hand.
    x = g
    for number, (skip, grid) in enumerate(zip(reversed(skips), (1, 3), strict=True)):
        narrowed = module.laterals[number](skip)[image_index]
        size = (2 * grid, 3 * grid)
        both = torch.cat(
            [torch.stack([bilinear(one, *size) for one in part]) for part in (x, narrowed)], dim=1
        )
        x = module.levels[number](both)
    expected = torch.stack([bilinear(one, 28, 42) for one in module.score(x)])
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def test_as_many_grids_as_skips_are_needed() -> None:
    with pytest.raises(ValueError, match=r"^2 skips, but 1 grids$"):
        SkipDecoder(
            channels=7, skip_channels=(1, 2), stride=8, initialise=he, levels=LEVELS, grids=(2,)
        )
