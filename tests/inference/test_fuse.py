"""Fusion, read pixel by pixel."""

import torch

from decouplednet.inference.fuse import fuse_class_maps, normalise


def draw(classes: int, height: int = 4, width: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return (
        torch.rand(height, width, generator=rng),
        torch.rand(classes, height, width, generator=rng),
    )


def test_fuse_class_maps_matches_a_reading_pixel_by_pixel() -> None:
    background, foreground = draw(3)
    foreground[1, 2, 3] = background[2, 3] = 1.0  # a tie with background
    foreground[0, 1, 1] = foreground[2, 1, 1] = 1.0  # a tie of two classes

    fused = fuse_class_maps(background, foreground)

    assert fused.dtype == torch.uint8
    for row in range(4):
        for column in range(5):
            claims = [float(background[row, column]), *(float(f[row, column]) for f in foreground)]
            assert int(fused[row, column]) == claims.index(max(claims))


def test_normalise_matches_a_reading_pixel_by_pixel() -> None:
    background, foreground = draw(3)

    maps = normalise(background, foreground)

    assert maps.shape == (4, 4, 5)
    for row in range(4):
        for column in range(5):
            claims = [float(background[row, column]), *(float(f[row, column]) for f in foreground)]
            for index, claim in enumerate(claims):
                assert abs(float(maps[index, row, column]) - claim / sum(claims)) < 1e-6


def test_normalised_maps_sum_to_one_and_keep_the_winner() -> None:
    background, foreground = draw(2, 3, 7)

    maps = normalise(background, foreground)

    torch.testing.assert_close(maps.sum(dim=0), torch.ones(3, 7))
    assert torch.equal(maps.argmax(dim=0), fuse_class_maps(background, foreground))


def test_without_a_class_everything_is_background() -> None:
    background, foreground = draw(0)

    assert torch.equal(normalise(background, foreground), torch.ones(1, 4, 5))
    assert torch.equal(fuse_class_maps(background, foreground), torch.zeros(4, 5).long())


def test_a_pixel_that_no_map_claims_is_background() -> None:
    background, foreground = draw(2)
    background[1, 2] = 0
    foreground[:, 1, 2] = 0
    before = background.clone(), foreground.clone()

    maps = normalise(background, foreground)

    assert maps[:, 1, 2].tolist() == [1.0, 0.0, 0.0]
    assert torch.equal(background, before[0])
    assert torch.equal(foreground, before[1])
