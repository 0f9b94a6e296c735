import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.convolution import (
    convolve_together,
    normalised_convolution,
    pool5_of_maps,
)
from decouplednet.networks.taps import Convolution


@pytest.mark.parametrize("kernel", [1, 3])
def test_it_equals_a_plain_reading_and_keeps_the_size(kernel: int) -> None:
    torch.manual_seed(0)
    layers = normalised_convolution(3, 4, kernel).double()
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64)

    got = layers(x)

    y = F.conv2d(x, layers.state_dict()["0.weight"], padding=kernel // 2)
    mean = y.mean(dim=(0, 2, 3), keepdim=True)
    variance = y.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
    assert got.shape == (2, 4, 5, 6)
    torch.testing.assert_close(got, ((y - mean) / (variance + 1e-5).sqrt()).clamp(min=0))


@pytest.mark.parametrize("image_index", [[2, 0, 2, 2], [1], [0, 1, 2, 2]])
def test_the_part_of_images_is_computed_once_for_each_that_has_maps(
    image_index: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    layer, index = Convolution(7, 6, 3, padding=1).double(), torch.tensor(image_index)
    of_images = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    own = torch.randn(len(index), 3, 5, 6, dtype=torch.float64)
    rows: list[tuple[int, int]] = []
    convolve = F.conv2d

    def counted(x: Tensor, *rest: object, **more: int) -> Tensor:
        rows.append((x.shape[0], x.shape[1]))
        return convolve(x, *rest, **more)  # type: ignore[call-overload, no-any-return]

    with monkeypatch.context() as patch:
        patch.setattr(F, "conv2d", counted)
        got = convolve_together(layer, of_images, own, index)

    torch.testing.assert_close(got, layer(torch.cat([of_images[index], own], dim=1)))
    assert rows == [(len(set(image_index)), 4), (len(index), 3)]


def test_only_layers_of_taps_can_be_computed_in_parts() -> None:
    x, index = torch.ones(1, 2, 3, 3), torch.zeros(2, dtype=torch.int64)

    with pytest.raises(TypeError, match=r"^Conv2d is no Convolution$"):
        convolve_together(nn.Conv2d(4, 5, 1), x, x.repeat(2, 1, 1, 1), index)


@pytest.mark.parametrize(
    ("image_index", "training", "shared"),
    [([0, 0, 1], False, True), ([0, 1], False, False), ([0, 0, 1], True, False)],
)
def test_pool5_is_given_to_maps_where_each_image_has_one_or_statistics_are_of_maps(
    image_index: list[int], training: bool, shared: bool
) -> None:
    pool5, index = torch.randn(2, 4, 3, 3), torch.tensor(image_index)

    got, places = pool5_of_maps(pool5, index, training=training)

    assert torch.equal(got, pool5 if shared else pool5[index])
    assert places is (index if shared else None)
